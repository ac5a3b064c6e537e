import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '../../../lib/ports/cluster-access.js';
import { SimulatedCluster } from '../../../lib/simulation/clusters/cluster.js';
import type { ClusterFaults } from '../../../lib/simulation/clusters/faults.js';
import { proxyVersion } from '../../../lib/simulation/clusters/pods.js';
import { BEGINNING, clusterItem, MINUTE, setVersion, smallWorld } from '../../support/small-world.js';

const CA = { valid: 'dmFsaWQ=', expired: 'ZXhwaXJlZA==' };

function begin(id = 'alpha', faults: ClusterFaults = {}) {
  const world = smallWorld({ clusters: { [id]: faults } });
  const cluster = new SimulatedCluster(world, world.fleet.find((item) => item.cluster_id === id)!, CA);
  const at = (minutes: number) => {
    world.go(minutes);
    cluster.advance(world.clock.now());
  };
  const get = (kind: string, namespace: string | undefined, name: string) =>
    cluster.store.get(kind, namespace, name)!.object;
  const all = (kind: string) => cluster.store.list(kind).map((entry) => entry.object);
  const release = (name = 'istiod') => get('HelmRelease', 'istio-system', name);
  at(0);
  const upgrade = (to = '1.30.2', from = '1.29.4') => world.push((files) => setVersion(files, id, from, to));
  return { world, cluster, at, get, all, release, upgrade };
}

const condition = (object: KubeObject, type: string) =>
  (object.status.conditions as { type: string; status: string; reason: string }[]).find(
    (entry) => entry.type === type,
  );
const ready = (object: KubeObject) =>
  `${condition(object, 'Ready')?.status}/${condition(object, 'Ready')?.reason}`;
const image = (object: KubeObject) => object.spec.template.spec.containers[0].image as string;

/** Looks every second of some minutes, and keeps what differs from the look before. */
function film(at: (minutes: number) => void, from: number, to: number, look: () => string): string[] {
  const frames: string[] = [];
  for (let second = from * 60; second <= to * 60; second += 1) {
    at(second / 60);
    const frame = look();
    if (frames.at(-1) !== frame) frames.push(frame);
  }
  return frames;
}

describe('a simulated cluster', () => {
  it.each(['alpha', 'beta'])(
    '%s is at rest in the beginning, every Flux object ready at the version of Git',
    (id) => {
      const { all, get } = begin(id);
      for (const kind of ['GitRepository', 'Kustomization', 'HelmRelease']) {
        expect(all(kind).length).toBeGreaterThan(0);
        expect(all(kind).map((object) => [object.metadata.name, condition(object, 'Ready')?.status])).toEqual(
          all(kind).map((object) => [object.metadata.name, 'True']),
        );
      }
      expect(image(get('Deployment', 'istio-system', 'istiod'))).toBe(
        'registry.istio.io/release/pilot:1.29.4',
      );
    },
  );

  it('has the same objects for the same seed, whenever it is looked at', () => {
    const often = begin();
    const once = begin();
    for (const world of [often, once]) world.upgrade();
    for (let minute = 1; minute < 20; minute += 0.37) often.at(minute);
    often.at(20);
    once.at(20);
    const names = (one: ReturnType<typeof begin>) =>
      one
        .all('Pod')
        .map((pod) => `${pod.metadata.name} ${pod.metadata.creationTimestamp} ${proxyVersion(pod)}`);
    expect(names(often)).toEqual(names(once));
    expect(often.release().status).toEqual(once.release().status);
    expect(often.cluster.meshHistory()).toEqual(once.cluster.meshHistory());
  });

  it('walks a release through progressing, released and ready, with a generation that lags', () => {
    const { at, release, upgrade } = begin();
    upgrade();
    const frames = film(at, 0, 6, () => {
      const object = release();
      const { generation } = object.metadata;
      const { observedGeneration, lastAttemptedRevision, history } = object.status;
      return `${generation}/${observedGeneration} ${lastAttemptedRevision} ${ready(object)} ${condition(object, 'Reconciling')?.status ?? '-'} ${condition(object, 'Released')?.reason} ${history[0].chartVersion}`;
    });
    expect(frames).toEqual([
      '1/1 1.29.4 True/InstallSucceeded - InstallSucceeded 1.29.4',
      '2/1 1.29.4 True/InstallSucceeded - InstallSucceeded 1.29.4',
      '2/1 1.29.4 False/DependencyNotReady - InstallSucceeded 1.29.4',
      '2/1 1.30.2 Unknown/Progressing True InstallSucceeded 1.29.4',
      '2/1 1.30.2 Unknown/Progressing True UpgradeSucceeded 1.29.4',
      '2/2 1.30.2 True/UpgradeSucceeded - UpgradeSucceeded 1.30.2',
    ]);
    expect(release().status.history.map((entry: { status: string }) => entry.status)).toEqual([
      'deployed',
      'superseded',
    ]);
  });

  it('says that a Kustomization is ready before its releases are', () => {
    const { at, get, release, upgrade } = begin('beta');
    const sha = upgrade();
    const early = film(at, 0, 6, () => {
      const kustomization = get('Kustomization', 'flux-system', 'istio');
      const applied =
        kustomization.status.lastAppliedRevision === `main@sha1:${sha}` &&
        ready(kustomization) === 'True/ReconciliationSucceeded';
      return `${applied} ${ready(release()).split('/')[0]}`;
    });
    expect(early).toContain('true Unknown');
    expect(early.at(-1)).toBe('true True');
  });

  it('rolls istiod at once, while sidecars and gateways stay old until they are restarted', () => {
    const { at, get, all, cluster, upgrade } = begin();
    upgrade();
    at(10);
    expect(image(get('Deployment', 'istio-system', 'istiod'))).toMatch(/:1\.30\.2$/);
    expect(cluster.meshHistory().at(-1)!.istiod).toBe('1.30.2');
    const proxies = all('Pod')
      .map(proxyVersion)
      .filter((version) => version !== undefined);
    expect(proxies.length).toBeGreaterThan(10);
    expect(new Set(proxies)).toEqual(new Set(['1.29.4']));

    const cart = get('Deployment', 'shop', 'cart');
    const template = structuredClone(cart.spec.template);
    template.metadata.annotations = { 'kubectl.kubernetes.io/restartedAt': '2026-06-01T08:10:00Z' };
    cluster.write({ ...cart, spec: { ...cart.spec, template } }, cart);
    const frames = film(at, 10, 12, () => {
      const { metadata, status } = get('Deployment', 'shop', 'cart');
      return `${metadata.generation}/${status.observedGeneration} ${status.updatedReplicas ?? '-'} of ${status.replicas}, ${status.availableReplicas}`;
    });
    expect(frames).toEqual(['2/1 2 of 2, 2', '2/2 1 of 3, 2', '2/2 2 of 3, 2', '2/2 2 of 2, 2']);
    const pods = all('Pod').filter((pod) => pod.metadata.labels?.app === 'cart');
    expect(pods.map(proxyVersion)).toEqual(['1.30.2', '1.30.2']);
  });

  it('replaces the pods of a StatefulSet one by one under the same names', () => {
    const { at, get, all, cluster, upgrade } = begin();
    upgrade();
    at(10);
    const ledger = get('StatefulSet', 'payments', 'ledger');
    const template = {
      ...ledger.spec.template,
      metadata: { ...ledger.spec.template.metadata, annotations: { x: '1' } },
    };
    cluster.write({ ...ledger, spec: { ...ledger.spec, template } }, ledger);
    const frames = film(at, 10, 12, () => {
      const { status } = get('StatefulSet', 'payments', 'ledger');
      return `${status.updatedReplicas} updated, ${status.readyReplicas} ready, ${status.currentRevision === status.updateRevision}`;
    });
    expect(frames).toEqual([
      '3 updated, 3 ready, true',
      '1 updated, 2 ready, false',
      '2 updated, 2 ready, false',
      '3 updated, 2 ready, false',
      '3 updated, 3 ready, true',
    ]);
    const pods = all('Pod').filter((pod) => pod.metadata.labels?.app === 'ledger');
    expect(pods.map((pod) => `${pod.metadata.name} ${proxyVersion(pod)}`)).toEqual([
      'ledger-0 1.30.2',
      'ledger-1 1.30.2',
      'ledger-2 1.30.2',
    ]);
  });

  it('injects by namespace label, by revision label and not where a pod opts out', () => {
    const { all } = begin();
    const version = (app: string) =>
      all('Pod')
        .filter((pod) => pod.metadata.labels?.app === app)
        .map(proxyVersion);
    expect(version('catalog')).toEqual(['1.29.4', '1.29.4']);
    expect(version('search-api')).toEqual(['1.29.4', '1.29.4']);
    expect(version('legacy-bridge')).toEqual([undefined]);
    expect(version('scheduler')).toEqual([undefined]);
  });

  it.each([
    ['v1.32.8', 'containers'],
    ['v1.33.4', 'initContainers'],
  ])('on Kubernetes %s has sidecars among the %s', (kubernetesVersion, list) => {
    const { all } = begin('alpha', { kubernetesVersion });
    const pod = all('Pod').find((entry) => entry.metadata.labels?.app === 'cart')!;
    expect(pod.spec[list].map((entry: { name: string }) => entry.name)).toContain('istio-proxy');
  });

  it('gives every connected proxy to exactly one replica of istiod', () => {
    const { all, cluster } = begin();
    const replicas = all('Pod').filter((pod) => pod.metadata.labels?.app === 'istiod');
    const rows = replicas.map((pod) =>
      (JSON.parse(cluster.podGet(pod, 8080, '/debug/syncz')!.body) as { proxy: string }[]).map(
        (row) => row.proxy,
      ),
    );
    expect(replicas).toHaveLength(2);
    expect(rows.every((list) => list.length > 0)).toBe(true);
    const expected = all('Pod')
      .filter((pod) => proxyVersion(pod) !== undefined)
      .map((pod) => `${pod.metadata.name}.${pod.metadata.namespace}`);
    expect(rows.flat().sort()).toEqual(expected.sort());
  });

  it('serves 14 definitions of Istio before 1.30 and 15 from then on', () => {
    const { all, at, upgrade } = begin();
    expect(all('CustomResourceDefinition')).toHaveLength(14);
    upgrade();
    at(10);
    expect(all('CustomResourceDefinition')).toHaveLength(15);
  });
});

describe('a fault', () => {
  it('of Helm is rolled back by Flux itself: the newest entry is the old chart, and it is not healthy', () => {
    const { at, get, release, upgrade } = begin('alpha', {
      helm: [{ release: 'istiod', outcome: 'rolled-back' }],
    });
    upgrade();
    at(15);
    expect(ready(release())).toBe('False/RollbackSucceeded');
    expect(condition(release(), 'Remediated')?.status).toBe('True');
    expect(
      release().status.history.map(
        (entry: { chartVersion: string; status: string }) => `${entry.chartVersion} ${entry.status}`,
      ),
    ).toEqual(['1.29.4 deployed', '1.30.2 failed', '1.29.4 superseded']);
    expect(image(get('Deployment', 'istio-system', 'istiod'))).toMatch(/:1\.29\.4$/);
    upgrade('1.29.4', '1.30.2');
    at(30);
    expect(ready(release())).toBe('True/UpgradeSucceeded');
  });

  it('stalls a Kustomization for a span of time and no longer', () => {
    const { at, get } = begin('alpha', {
      flux: [{ kind: 'Kustomization', name: 'flux-system', state: 'stalled', after: 5, until: 10 }],
    });
    const stalled = () => condition(get('Kustomization', 'flux-system', 'flux-system'), 'Stalled')?.status;
    expect(stalled()).toBeUndefined();
    at(6);
    expect(stalled()).toBe('True');
    at(11);
    expect(stalled()).toBeUndefined();
    expect(ready(get('Kustomization', 'flux-system', 'flux-system'))).toBe('True/ReconciliationSucceeded');
  });

  it('suspends a release, which then ignores Git', () => {
    const { at, release, upgrade } = begin('alpha', {
      flux: [{ kind: 'HelmRelease', name: 'istiod', state: 'suspended' }],
    });
    upgrade();
    at(15);
    expect(release().spec.chart.spec.version).toBe('1.30.2');
    expect(release().status.history[0].chartVersion).toBe('1.29.4');
  });

  it('makes a rollout stick until its deadline, and going back puts it right', () => {
    const { at, get, release, upgrade } = begin('alpha', { stuckRollout: 'istiod' });
    upgrade();
    at(14);
    const istiod = () => get('Deployment', 'istio-system', 'istiod');
    expect(condition(istiod(), 'Progressing')?.reason).toBe('ProgressDeadlineExceeded');
    expect(ready(release())).toBe('False/UpgradeFailed');
    upgrade('1.29.4', '1.30.2');
    at(25);
    expect(ready(release())).toBe('True/UpgradeSucceeded');
    expect(istiod().status).toMatchObject({ replicas: 2, updatedReplicas: 2, availableReplicas: 2 });
  });

  it('takes a node, the webhook certificate, a definition and a proxy', () => {
    const { all, cluster } = begin('alpha', {
      nodeNotReady: true,
      webhookExpired: true,
      crdMissing: ['virtualservices.networking.istio.io'],
      proxyNotInSync: true,
    });
    expect(
      all('Node')
        .map((node) => condition(node, 'Ready')?.status)
        .sort(),
    ).toEqual(['True', 'True', 'Unknown']);
    expect(all('ValidatingWebhookConfiguration')[0]!.webhooks[0].clientConfig.caBundle).toBe(CA.expired);
    expect(all('CustomResourceDefinition').map((crd) => crd.metadata.name)).not.toContain(
      'virtualservices.networking.istio.io',
    );
    const rows = all('Pod')
      .filter((pod) => pod.metadata.labels?.app === 'istiod')
      .flatMap(
        (pod) => JSON.parse(cluster.podGet(pod, 8080, '/debug/syncz')!.body) as Record<string, string>[],
      );
    expect(rows.filter((row) => row.cluster_sent !== row.cluster_acked)).toHaveLength(1);
  });

  it('makes istiod of the new version crash, not that of the old', () => {
    const { at, get, upgrade } = begin('alpha', { istiodCrash: {} });
    at(1);
    expect(get('Deployment', 'istio-system', 'istiod').status.availableReplicas).toBe(2);
    upgrade();
    at(20);
    expect(get('Deployment', 'istio-system', 'istiod').status.availableReplicas ?? 0).toBeLessThan(2);
  });
});

describe('the Flux root', () => {
  it('is the nearest folder with flux-system above the file that the registry names', () => {
    const item = clusterItem('gamma', { flux_config_path: 'clusters/alpha/istio/istiod.yaml' });
    const world = smallWorld({}, [item]);
    const cluster = new SimulatedCluster(world, item, CA);
    cluster.advance(BEGINNING + MINUTE);
    expect(cluster.store.get('Kustomization', 'flux-system', 'flux-system')!.object.spec.path).toBe(
      './clusters/alpha',
    );
    expect(cluster.store.get('HelmRelease', 'istio-system', 'istiod')).toBeDefined();
  });

  it('that does not exist is a condition, and the cluster still runs the version of the registry', () => {
    const item = clusterItem('nowhere');
    const world = smallWorld({}, [item]);
    const cluster = new SimulatedCluster(world, item, CA);
    cluster.advance(BEGINNING);
    const root = cluster.store.get('Kustomization', 'flux-system', 'flux-system')!.object;
    expect(ready(root)).toBe('False/BuildFailed');
    expect(cluster.firstVersion()).toBe('1.29.4');
  });
});
