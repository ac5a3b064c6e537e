import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppsV1Api, CoreV1Api, KubeConfig, PortForward } from '@kubernetes/client-node';
import { WebSocket } from 'ws';
import { type AwsCredentials, eksToken } from '../../../lib/adapters/eks/token.js';
import { type SimulatedClusters, startClusters } from '../../../lib/simulation/clusters/index.js';
import type { Scenario } from '../../../lib/simulation/scenario.js';
import { type SmallWorld, setVersion, smallWorld } from '../../support/small-world.js';

const run = promisify(execFile);
const KEY: AwsCredentials = { accessKeyId: 'ASIAALPHA', secretAccessKey: 'secret/of+alpha' };
const ROLE = 'arn:aws:iam::111111111111:role/guard-alpha';

interface Sent {
  readonly method?: string;
  readonly path: string;
  readonly token?: string | null;
  readonly accept?: string;
  readonly type?: string;
  readonly body?: unknown;
  readonly cluster?: string;
  readonly headers?: Record<string, string>;
}

describe('the Kubernetes face', () => {
  let world: SmallWorld;
  let clusters: SimulatedClusters;
  let agent: https.Agent;

  beforeAll(async () => {
    world = smallWorld();
    clusters = await startClusters(world, {
      identify: (key) =>
        ({
          ASIAALPHA: { roleArn: ROLE, secretAccessKey: KEY.secretAccessKey },
          ASIAOTHER: { roleArn: 'arn:aws:iam::1:role/x' },
        })[key],
    });
    agent = new https.Agent({ keepAlive: true, ca: clusters.ca });
  });
  afterAll(async () => {
    agent.destroy();
    await clusters.stop();
  });

  // biome-ignore lint/suspicious/noExplicitAny: bodies of many kinds
  async function send(sent: Sent): Promise<{ status: number; body: any; headers: Record<string, unknown> }> {
    const cluster = sent.cluster ?? 'alpha';
    const token = sent.token === undefined ? clusters.adminToken(cluster) : sent.token;
    const body =
      sent.body === undefined || Buffer.isBuffer(sent.body) ? sent.body : JSON.stringify(sent.body);
    return new Promise((resolve, reject) => {
      const request = https.request(
        `${clusters.url}/clusters/${cluster}${sent.path}`,
        {
          agent,
          method: sent.method ?? 'GET',
          headers: {
            ...(token !== null && { authorization: `Bearer ${token}` }),
            accept: sent.accept ?? 'application/json',
            ...sent.headers,
            ...(body && {
              'content-type': sent.type ?? 'application/merge-patch+json',
              'content-length': Buffer.byteLength(body),
            }),
          },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('end', () => {
            const json = /json/.test(String(response.headers['content-type'])) && !text.includes('}\n');
            resolve({
              status: response.statusCode!,
              body: json ? JSON.parse(text) : text,
              headers: response.headers,
            });
          });
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  }

  const withFaults = async (scenario: Partial<Scenario>, act: () => Promise<void>) => {
    const before = world.scenario;
    world.scenario = { ...before, ...scenario };
    try {
      await act();
    } finally {
      world.scenario = before;
    }
  };

  describe('bearer tokens', () => {
    const status = async (token: string | null, cluster?: string) =>
      (await send({ path: '/api/v1/nodes', token, cluster })).status;

    it('lets in the role of the cluster, with a token signed for this cluster', async () => {
      expect(await status(eksToken('alpha', 'eu-west-1', KEY, world.clock.now()))).toBe(200);
    });

    it.each([
      ['signed for another cluster', () => eksToken('beta', 'eu-west-1', KEY, world.clock.now())],
      [
        'signed with another secret',
        () => eksToken('alpha', 'eu-west-1', { ...KEY, secretAccessKey: 'x' }, world.clock.now()),
      ],
      [
        'of another role',
        () => eksToken('alpha', 'eu-west-1', { ...KEY, accessKeyId: 'ASIAOTHER' }, world.clock.now()),
      ],
      [
        'of an unknown key',
        () => eksToken('alpha', 'eu-west-1', { ...KEY, accessKeyId: 'ASIANOBODY' }, world.clock.now()),
      ],
      ['older than 15 minutes', () => eksToken('alpha', 'eu-west-1', KEY, world.clock.now() - 15 * 60_000)],
      ['with a parameter that is not on the list', () => edited((url) => `${url}&x-id=GetCallerIdentity`)],
      ['with a parameter twice', () => edited((url) => `${url}&Version=2011-06-15`)],
      [
        'for another host',
        () => edited((url) => url.replace('sts.eu-west-1.amazonaws.com', 'evil.example.com')),
      ],
      ['with padding', () => `${eksToken('alpha', 'eu-west-1', KEY, world.clock.now())}==`],
      ['without the prefix', () => 'nonsense'],
    ])('refuses a token %s with 401', async (_what, token) => {
      expect(await status(token())).toBe(401);
    });

    it('refuses nobody at all with 403', async () => {
      expect(await status(null)).toBe(403);
    });

    function edited(change: (url: string) => string): string {
      const url = Buffer.from(
        eksToken('alpha', 'eu-west-1', KEY, world.clock.now()).slice('k8s-aws-v1.'.length),
        'base64url',
      ).toString();
      return `k8s-aws-v1.${Buffer.from(change(url)).toString('base64url')}`;
    }
  });

  describe('permissions', () => {
    const REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    const guardToken = () => eksToken('alpha', 'eu-west-1', KEY, world.clock.now());
    const may = async (spec: object, token: string | undefined = guardToken(), headers = {}) => {
      const { status, body } = await send({
        method: 'POST',
        path: REVIEWS,
        token,
        headers,
        body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec },
      });
      expect({ status, body }).toMatchObject({ status: 201, body: { spec } });
      return body.status.allowed as boolean;
    };
    const on = (verb: string, group: string, resource: string, more: object = {}) => ({
      resourceAttributes: { verb, group, resource, ...more },
    });

    it('of the role are those of deploy/cluster-rbac.yaml, asked and done', async () => {
      const forward = { subresource: 'portforward' };
      expect(await may(on('list', '', 'pods'))).toBe(true);
      expect(await may(on('list', '', 'pods', { namespace: 'shop' }))).toBe(true);
      expect(await may(on('create', '', 'pods', { ...forward, namespace: 'istio-system' }))).toBe(true);
      expect(await may(on('create', '', 'pods', { ...forward, namespace: 'shop' }))).toBe(false);
      expect(await may(on('create', '', 'pods', forward))).toBe(false);
      expect(await may(on('list', '', 'deployments'))).toBe(false);
      expect(await may({ nonResourceAttributes: { verb: 'get', path: '/version' } })).toBe(true);
      expect(await may({ nonResourceAttributes: { verb: 'get', path: '/metrics' } })).toBe(false);
      const path = '/api/v1/namespaces/shop/pods/nope';
      const { status, body } = await send({ method: 'DELETE', path, token: guardToken() });
      expect([status, body.reason, body.message]).toEqual([
        403,
        'Forbidden',
        'pods "nope" is forbidden: User "guard" cannot delete resource "pods" in API group "" in the namespace "shop"',
      ]);
      expect((await send({ method: 'DELETE', path })).status).toBe(404);
    });

    it('can be withheld in a cluster and added in all', async () => {
      const clusterFaults = { alpha: { withheld: ['list pods', 'get /version'] } };
      const kubernetes = { alsoAllowed: ['get services in shop'] };
      await withFaults({ clusters: clusterFaults, kubernetes }, async () => {
        expect(await may(on('list', '', 'pods'))).toBe(false);
        expect(await may(on('list', '', 'nodes'))).toBe(true);
        expect(await may(on('get', '', 'services', { namespace: 'shop' }))).toBe(true);
        expect(await may(on('get', '', 'services'))).toBe(false);
        expect((await send({ path: '/api/v1/pods', token: guardToken() })).body.message).toBe(
          'pods is forbidden: User "guard" cannot list resource "pods" in API group "" at the cluster scope',
        );
        expect((await send({ path: '/version', token: guardToken() })).status).toBe(403);
        expect((await send({ path: '/api/v1/pods' })).status).toBe(200);
      });
    });

    it('are those of whom an administrator acts as', async () => {
      const admin = clusters.adminToken('alpha');
      const as = (group: string) => ({ 'impersonate-user': 'x', 'impersonate-group': group });
      expect(await may(on('list', '', 'secrets'), admin)).toBe(true);
      expect(await may(on('list', '', 'secrets'), admin, as('guard'))).toBe(false);
      expect(await may(on('list', '', 'nodes'), admin, as('guard'))).toBe(true);
      expect((await send({ path: '/api/v1/nodes', headers: as('others') })).status).toBe(403);
    });

    it('can be asked for in protobuf, as kubectl does', async () => {
      const field = (number: number, bytes: string | Buffer) =>
        Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), Buffer.from(bytes)]);
      const spec = (verb: string) =>
        field(1, Buffer.concat([field(2, verb), field(3, 'apps'), field(4, '*'), field(5, 'deployments')]));
      const review = (verb: string) =>
        Buffer.concat([
          Buffer.from('k8s\0'),
          field(1, field(2, 'SelfSubjectAccessReview')),
          field(2, Buffer.concat([field(1, ''), field(2, spec(verb))])),
        ]);
      const ask = (body: Buffer) =>
        send({
          method: 'POST',
          path: REVIEWS,
          token: guardToken(),
          type: 'application/vnd.kubernetes.protobuf',
          body,
        });
      expect((await ask(review('patch'))).body.status.allowed).toBe(true);
      expect((await ask(review('delete'))).body.status.allowed).toBe(false);
      expect((await ask(Buffer.from('k8s\0\x08'))).status).toBe(400);
      expect((await ask(Buffer.from('{}'))).status).toBe(422);
    });

    it('for a port-forward are one more in the newest versions', async () => {
      const path = '/api/v1/namespaces/istio-system/pods/nope/portforward?ports=1';
      const asked = async (kubernetesVersion: string) => {
        const other = await startClusters(smallWorld({ clusters: { alpha: { kubernetesVersion } } }), {
          identify: () => undefined,
        });
        const socket = new WebSocket(`${other.url.replace('https', 'wss')}/clusters/alpha${path}`, {
          ca: other.ca,
          headers: { authorization: `Bearer ${other.adminToken('alpha')}` },
        });
        await new Promise((resolve) => socket.once('error', resolve));
        await other.stop();
        return other.requests.map(({ verb, resource }) => `${verb} ${resource}`);
      };
      expect(await asked('v1.34.1')).toEqual(['get pods/portforward']);
      expect(await asked('v1.35.0')).toEqual(['get pods/portforward', 'create pods/portforward']);
    });
  });

  describe('lists', () => {
    it('pages with limit and continue to the same items as the whole list, one resourceVersion over all pages', async () => {
      const whole = await send({ path: '/api/v1/pods' });
      const names: string[] = [];
      const versions = new Set<string>();
      let token = '';
      do {
        const { body } = await send({ path: `/api/v1/pods?limit=7&continue=${token}` });
        expect(body.items.length).toBeLessThanOrEqual(7);
        names.push(...body.items.map((item: { metadata: { name: string } }) => item.metadata.name));
        versions.add(body.metadata.resourceVersion);
        token = body.metadata.continue ?? '';
      } while (token !== '');
      expect(names).toEqual(
        whole.body.items.map((item: { metadata: { name: string } }) => item.metadata.name),
      );
      expect(names.length).toBeGreaterThan(20);
      expect(versions.size).toBe(1);
    });

    it('answers a continue token that it does not know with 410 Expired', async () => {
      const { status, body } = await send({ path: '/api/v1/pods?limit=7&continue=b2xk' });
      expect([status, body.kind, body.reason]).toEqual([410, 'Status', 'Expired']);
    });

    it('filters by labels, by a field and by namespace', async () => {
      const count = async (path: string) => (await send({ path })).body.items.length;
      expect(await count('/api/v1/pods?labelSelector=app%3Distiod')).toBe(2);
      expect(await count('/api/v1/pods?labelSelector=app+in+(istiod,cart)')).toBe(4);
      expect(await count('/api/v1/pods?labelSelector=!app')).toBe(0);
      expect(await count('/apis/apps/v1/deployments?fieldSelector=metadata.name%3Dcart')).toBe(1);
      expect(await count('/apis/apps/v1/namespaces/batch/deployments')).toBe(1);
      expect((await send({ path: '/api/v1/pods?fieldSelector=spec.colour%3Dred' })).status).toBe(400);
    });

    it('leaves out spec and status when only metadata is wanted', async () => {
      const { body } = await send({
        path: '/api/v1/pods',
        accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
      });
      expect(body.kind).toBe('PartialObjectMetadataList');
      expect(Object.keys(body.items[0]).sort()).toEqual(['apiVersion', 'kind', 'metadata']);
    });

    it('answers a Table to who asks for one, and to nobody else', async () => {
      const { body } = await send({
        path: '/apis/helm.toolkit.fluxcd.io/v2/helmreleases',
        accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
      });
      expect(body.kind).toBe('Table');
      expect(body.columnDefinitions.map((column: { name: string }) => column.name)).toEqual([
        'Name',
        'Age',
        'Ready',
        'Status',
      ]);
      expect((await send({ path: '/apis/helm.toolkit.fluxcd.io/v2/helmreleases' })).body.kind).toBe(
        'HelmReleaseList',
      );
    });

    it('knows no kind that is not served, and no object that is not there', async () => {
      expect((await send({ path: '/apis/helm.toolkit.fluxcd.io/v2beta1/helmreleases' })).status).toBe(404);
      const missing = await send({ path: '/api/v1/namespaces/shop/pods/nope' });
      expect([missing.status, missing.body.message]).toEqual([404, 'pods "nope" not found']);
    });
  });

  describe('patches', () => {
    const path = '/apis/apps/v1/namespaces/shop/deployments/catalog';

    it('merge annotations, raise the generation only with the specification, and are logged before they are done', async () => {
      const before = (await send({ path })).body;
      const annotated = await send({
        method: 'PATCH',
        path,
        body: { metadata: { annotations: { 'a/b': 'c' } } },
      });
      expect(annotated.body.metadata.annotations).toEqual({ 'a/b': 'c' });
      expect(annotated.body.metadata.generation).toBe(before.metadata.generation);
      expect(annotated.body.metadata.resourceVersion).not.toBe(before.metadata.resourceVersion);
      const body = {
        spec: {
          template: {
            metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': '2026-06-01T08:00:00Z' } },
          },
        },
      };
      const restarted = await send({ method: 'PATCH', path, body });
      expect(restarted.body.metadata.generation).toBe(before.metadata.generation + 1);
      expect(restarted.body.status.observedGeneration).toBe(before.metadata.generation);
      expect(world.written.at(-1)).toMatchObject({
        kind: 'kubernetes.patch',
        cluster: 'alpha',
        path,
        body: JSON.stringify(body),
      });
    });

    it('take JSON patches, and refuse one that does not fit with 422', async () => {
      const type = 'application/json-patch+json';
      const add = (at: string) =>
        send({ method: 'PATCH', path, type, body: [{ op: 'add', path: at, value: 'y' }] });
      expect((await add('/metadata/labels/x~1y')).body.metadata.labels['x/y']).toBe('y');
      expect((await add('/metadata/nowhere/x')).status).toBe(422);
    });

    it('refuse a strategic merge on a custom resource with 415, and take it on a built-in kind', async () => {
      const type = 'application/strategic-merge-patch+json';
      const release = '/apis/helm.toolkit.fluxcd.io/v2/namespaces/istio-system/helmreleases/istiod';
      expect((await send({ method: 'PATCH', path: release, type, body: {} })).status).toBe(415);
      const env = {
        spec: { template: { spec: { containers: [{ name: 'app', env: [{ name: 'A', value: '1' }] }] } } },
      };
      const { body } = await send({ method: 'PATCH', path, type, body: env });
      expect(body.spec.template.spec.containers[0]).toMatchObject({
        name: 'app',
        image: expect.stringContaining('catalog'),
        env: [{ name: 'A', value: '1' }],
      });
    });

    it('of an old resourceVersion conflict, and dry ones change nothing', async () => {
      const stale = { metadata: { resourceVersion: '1', annotations: { z: '1' } } };
      expect((await send({ method: 'PATCH', path, body: stale })).status).toBe(409);
      const logged = world.written.length;
      const dry = await send({
        method: 'PATCH',
        path: `${path}?dryRun=All`,
        body: { metadata: { annotations: { z: '1' } } },
      });
      expect(dry.body.metadata.annotations.z).toBe('1');
      expect((await send({ path })).body.metadata.annotations.z).toBeUndefined();
      expect(world.written.length).toBe(logged);
    });

    it('can be carried out again in another world, which is then the same', async () => {
      const again = smallWorld();
      const others = await startClusters(again, { identify: () => undefined });
      try {
        for (const command of world.written) expect(others.replay(command)).toBe(true);
        const ours = clusters.byId.get('alpha')!;
        const theirs = others.byId.get('alpha')!;
        ours.advance(world.clock.now());
        theirs.advance(world.clock.now());
        const pods = (one: typeof ours) => one.store.list('Pod').map((entry) => entry.object.metadata.name);
        expect(pods(theirs)).toEqual(pods(ours));
        expect(theirs.store.get('Deployment', 'shop', 'catalog')!.object.spec).toEqual(
          ours.store.get('Deployment', 'shop', 'catalog')!.object.spec,
        );
        expect(others.replay({ kind: 'people', at: 0 })).toBe(false);
      } finally {
        await others.stop();
      }
    });
  });

  describe('a port-forward', () => {
    const istiods = async () =>
      (
        await send({
          path: '/api/v1/namespaces/istio-system/pods?labelSelector=app%3Distiod',
          cluster: 'beta',
        })
      ).body.items.map((pod: { metadata: { name: string } }) => pod.metadata.name) as string[];

    async function forwarded(pod: string, port: number, path: string): Promise<string> {
      const input = new PassThrough();
      const output = new PassThrough();
      const errors = new PassThrough();
      const socket = (await new PortForward(config('beta')).portForward(
        'istio-system',
        pod,
        [port],
        output,
        errors,
        input,
      )) as { close(): void };
      try {
        return await new Promise<string>((resolve, reject) => {
          let text = '';
          errors.on('data', (chunk: Buffer) => reject(new Error(chunk.toString())));
          output.on('data', (chunk: Buffer) => {
            text += chunk.toString();
            const [head = '', body = ''] = text.split('\r\n\r\n', 2);
            const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? Infinity);
            if (Buffer.byteLength(body) >= length) resolve(body);
          });
          input.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
        });
      } finally {
        socket.close();
      }
    }

    it('reaches the debug endpoints of every istiod, as the official client frames it', async () => {
      const pods = await istiods();
      const lists = await Promise.all(
        pods.map(
          async (pod) => JSON.parse(await forwarded(pod, 8080, '/debug/syncz')) as { proxy: string }[],
        ),
      );
      expect(lists).toHaveLength(2);
      const all = lists.flat().map((row) => row.proxy);
      expect(new Set(all).size).toBe(all.length);
      expect(all.length).toBeGreaterThan(10);
      expect(await forwarded(pods[0]!, 15014, '/version')).toMatch(/^1\.29\.4-[0-9a-f]{40}-Clean$/);
    });

    it('to a port where nobody listens says so on the error stream', async () => {
      const [pod] = await istiods();
      await expect(forwarded(pod!, 9999, '/')).rejects.toThrow('connection refused');
    });

    it("is the only way to the debug endpoints: the API server's proxy gets 401", async () => {
      const [pod] = await istiods();
      const proxy = (port: number, path: string) =>
        send({ path: `/api/v1/namespaces/istio-system/pods/${pod}:${port}/proxy${path}`, cluster: 'beta' });
      expect((await proxy(8080, '/debug/syncz')).status).toBe(401);
      expect((await proxy(15014, '/version')).body).toMatch(/^1\.29\.4-/);
    });
  });

  describe('faults', () => {
    const nodes = () => send({ path: '/api/v1/nodes' });

    it('drop the connection, or answer with the status of the scenario', async () => {
      await withFaults({ clusters: { alpha: { unreachable: true } } }, async () => {
        await expect(nodes()).rejects.toMatchObject({ code: 'ECONNRESET' });
      });
      for (const code of [401, 403, 500]) {
        await withFaults({ clusters: { alpha: { status: code } } }, async () =>
          expect((await nodes()).status).toBe(code),
        );
      }
      expect((await nodes()).status).toBe(200);
    });

    it('throttle every n-th request with Retry-After', async () => {
      await withFaults({ kubernetes: { throttleEvery: 2 } }, async () => {
        const both = [await nodes(), await nodes()];
        expect(both.map((answer) => answer.status).sort()).toEqual([200, 429]);
        expect(both.find((answer) => answer.status === 429)!.headers['retry-after']).toBe('1');
      });
    });

    it('limit the page and expire one continue token', async () => {
      await withFaults({ kubernetes: { pageLimit: 5, expireContinue: 1 } }, async () => {
        const first = await send({ path: '/api/v1/pods' });
        expect(first.body.items).toHaveLength(5);
        const next = () => send({ path: `/api/v1/pods?continue=${first.body.metadata.continue}` });
        expect((await next()).status).toBe(410);
        expect((await next()).status).toBe(200);
      });
    });
  });

  it("names Istio's Gateways as Kubernetes does", async () => {
    const found = await send({ path: '/apis/networking.istio.io/v1/gateways' });
    expect(found).toMatchObject({ status: 200, body: { kind: 'GatewayList', items: [] } });
  });

  it("labels a Job's pod as a Job does, and not as a StatefulSet", async () => {
    const { body } = await send({ path: '/api/v1/namespaces/batch/pods' });
    const [pod] = body.items.filter((item: { metadata: { name: string } }) =>
      item.metadata.name.startsWith('nightly-report'),
    );
    expect(pod.metadata.labels).toEqual({
      app: 'nightly-report',
      'batch.kubernetes.io/job-name': 'nightly-report-29384710',
      'job-name': 'nightly-report-29384710',
    });
  });

  it('counts what it was asked by cluster, verb and resource', async () => {
    const before = clusters.requests.length;
    await send({ path: '/api/v1/namespaces/shop/pods/nope' });
    await send({ path: '/apis/helm.toolkit.fluxcd.io/v2/helmreleases', cluster: 'beta' });
    expect(clusters.requests.slice(before)).toEqual([
      {
        cluster: 'alpha',
        caller: 'admin',
        verb: 'get',
        resource: 'pods',
        namespace: 'shop',
        url: '/api/v1/namespaces/shop/pods/nope',
      },
      {
        cluster: 'beta',
        caller: 'admin',
        verb: 'list',
        resource: 'helmreleases.helm.toolkit.fluxcd.io',
        url: '/apis/helm.toolkit.fluxcd.io/v2/helmreleases',
      },
    ]);
  });

  it('gives webhooks a certificate that can be read, and an expired one when it is told to', async () => {
    const dates = async (clusterFaults: object) => {
      const other = await startClusters(smallWorld({ clusters: { alpha: clusterFaults } }), {
        identify: () => undefined,
      });
      try {
        const alpha = other.byId.get('alpha')!;
        alpha.advance(world.clock.now());
        const bundle = alpha.store.list('MutatingWebhookConfiguration')[0]!.object.webhooks[0].clientConfig
          .caBundle as string;
        return Date.parse(new X509Certificate(Buffer.from(bundle, 'base64')).validTo);
      } finally {
        await other.stop();
      }
    };
    expect(await dates({})).toBeGreaterThan(Date.parse('2040-01-01'));
    expect(await dates({ webhookExpired: true })).toBeLessThan(Date.parse('2022-01-01'));
  });

  it('is typed as the official client expects', async () => {
    const apps = config('beta').makeApiClient(AppsV1Api);
    const { items } = await apps.listDeploymentForAllNamespaces({ limit: 500 });
    expect(items.find((item) => item.metadata?.name === 'istiod')?.status?.availableReplicas).toBe(2);
    const nodes = await config('beta').makeApiClient(CoreV1Api).listNode();
    expect(nodes.items).toHaveLength(3);
    expect(nodes.items[0]!.metadata!.creationTimestamp).toBeInstanceOf(Date);
  });

  it('tells the accounts where the cluster is, and who may come', () => {
    const { accounts } = clusters;
    expect(accounts.role(ROLE)).toEqual({});
    expect(accounts.role('arn:aws:iam::111111111111:role/unknown')).toBeUndefined();
    const found = accounts.cluster('alpha', 'eu-west-1')!;
    expect(found).toMatchObject({
      name: 'alpha',
      status: 'ACTIVE',
      endpoint: `${clusters.url}/clusters/alpha`,
    });
    expect(found.arn).toBe('arn:aws:eks:eu-west-1:111111111111:cluster/alpha');
    expect(Buffer.from(found.certificateAuthority!.data!, 'base64').toString()).toBe(clusters.ca);
    expect(accounts.cluster('alpha', 'us-east-1')).toBeUndefined();
    world.scenario = { ...world.scenario, clusters: { alpha: { roleRefused: true } } };
    expect(accounts.role(ROLE)).toBeUndefined();
    world.scenario = { ...world.scenario, clusters: { alpha: { externalId: 'secret-id' } } };
    expect(accounts.role(ROLE)).toEqual({ externalId: 'secret-id' });
    world.scenario = { ...world.scenario, clusters: {} };
  });

  it('follows a change of Git to the wire', async () => {
    const sha = world.push((files) => setVersion(files, 'beta', '1.29.4', '1.30.2'));
    world.go(30);
    const { body } = await send({
      path: '/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations/istio',
      cluster: 'beta',
    });
    expect(body.status.lastAppliedRevision).toBe(`main@sha1:${sha}`);
    const crds = await send({
      path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      cluster: 'beta',
    });
    expect(crds.body.items).toHaveLength(15);
  });

  describe('real kubectl', () => {
    let folder: string;
    let present = true;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'kubectl-'));
      await writeFile(join(folder, 'config'), clusters.kubeconfig());
      present = await run('kubectl', ['version', '--client']).then(
        () => true,
        () => false,
      );
      if (!present) console.warn('kubectl is not on the PATH: its tests are skipped');
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    async function kubectl(...args: string[]): Promise<string> {
      const env = {
        PATH: process.env.PATH,
        HOME: folder,
        KUBECONFIG: join(folder, 'config'),
        KUBECACHEDIR: folder,
      };
      return (await run('kubectl', ['--context', 'alpha', ...args], { env })).stdout;
    }

    it('gets several kinds by their short names, with their columns', async () => {
      if (!present) return;
      const text = await kubectl('get', 'hr,ks,pods,deployments', '-A');
      expect(text).toMatch(
        /istio-system +helmrelease.helm.toolkit.fluxcd.io\/istiod +\S+ +True +Helm install succeeded/,
      );
      expect(text).toMatch(/NAMESPACE +NAME +READY +STATUS +RESTARTS +AGE/);
      expect(text).toMatch(/deployment.apps\/istiod +2\/2 +2 +2/);
    });

    it('reads YAML, patches, annotates and explains a missing object', async () => {
      if (!present) return;
      expect(
        await kubectl('-n', 'istio-system', 'get', 'hr', 'istiod', '-o', 'jsonpath={.spec.chart.spec.chart}'),
      ).toBe('istiod');
      expect(await kubectl('-n', 'shop', 'get', 'deploy', 'cart', '-o', 'yaml')).toContain(
        'kind: Deployment',
      );
      expect(await kubectl('-n', 'shop', 'annotate', 'deploy', 'cart', 'note=1')).toContain(
        'deployment.apps/cart annotated',
      );
      const patch = '{"spec":{"suspend":true}}';
      expect(
        await kubectl('-n', 'istio-system', 'patch', 'hr', 'istiod', '--type=merge', '-p', patch),
      ).toContain('patched');
      await expect(kubectl('-n', 'shop', 'get', 'pod', 'nope')).rejects.toThrow('pods "nope" not found');
    });

    it('restarts a Deployment and refuses a paused one', async () => {
      if (!present) return;
      expect(await kubectl('-n', 'shop', 'rollout', 'restart', 'deploy/frontend')).toContain('restarted');
      world.go(45);
      expect(await kubectl('-n', 'shop', 'rollout', 'status', 'deploy/frontend', '--timeout=10s')).toContain(
        'successfully rolled out',
      );
      await expect(kubectl('-n', 'payments', 'rollout', 'restart', 'deploy/fraud-check')).rejects.toThrow(
        'paused',
      );
    });
  });

  function config(cluster: string): KubeConfig {
    const kubeconfig = new KubeConfig();
    kubeconfig.loadFromString(clusters.kubeconfig());
    kubeconfig.setCurrentContext(cluster);
    return kubeconfig;
  }
});
