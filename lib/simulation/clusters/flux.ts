import type { KubeObject } from '../../ports/cluster-access.js';
import { type ClusterContext, wake } from './context.js';
import { Applier } from './flux-apply.js';
import { builtFor } from './flux-build.js';
import { applyFluxFault } from './flux-faults.js';
import { artifactOf, FLUX, sourceStatus } from './flux-sources.js';
import { HelmController, type Installer } from './helm.js';
import { conditionOf, durationOf, iso, isReady, seconds, withCondition, withoutCondition } from './status.js';

/** The GitOps Toolkit on one cluster: sources, Kustomizations and HelmReleases in simulated time. */
export class Flux {
  readonly #context: ClusterContext;
  readonly #helm: HelmController;
  readonly #applier: Applier;
  readonly #runs = new Map<string, number>();
  #files: ReadonlyMap<string, string> = new Map();
  #branch = 'main';
  #sha = '';

  constructor(context: ClusterContext, installer: Installer) {
    this.#context = context;
    this.#helm = new HelmController(context, installer);
    this.#applier = new Applier(context, (object) => this.#changed(object));
  }

  /** `main@sha1:…` */
  get revision(): string {
    return `${this.#branch}@sha1:${this.#sha}`;
  }

  /** The source controller has found a commit; everything below follows. */
  fetched(branch: string, sha: string, files: ReadonlyMap<string, string>): void {
    const { store } = this.#context;
    if (store.get('GitRepository', FLUX, FLUX) === undefined) this.#createRoot(branch);
    const repository = store.get('GitRepository', FLUX, FLUX)!.object;
    if (repository.spec.suspend === true || this.#faulty('GitRepository', repository)) return;
    this.#branch = branch;
    this.#sha = sha;
    this.#files = files;
    this.#artifact(repository);
    for (const { object } of store.list('Kustomization')) this.reconcile(object, 1 + seconds(object, 3));
  }

  #createRoot(branch: string): void {
    const { cluster, fluxPath } = this.#context;
    const url = `https://gitlab.example.com/${cluster.gitlab_repo}.git`;
    this.#applier.create({
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'GitRepository',
      metadata: { name: FLUX, namespace: FLUX },
      spec: { interval: '1m0s', ref: { branch }, secretRef: { name: FLUX }, url },
    });
    this.#applier.create({
      apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
      kind: 'Kustomization',
      metadata: { name: FLUX, namespace: FLUX },
      spec: {
        interval: '10m0s',
        path: `./${fluxPath}`,
        prune: true,
        sourceRef: { kind: 'GitRepository', name: FLUX },
      },
    });
  }

  #artifact(repository: KubeObject): void {
    const { store, timeline } = this.#context;
    const status = {
      ...repository.status,
      ...artifactOf(repository, this.revision, this.#sha, iso(timeline.now)),
    };
    store.put({ ...repository, status });
  }

  /** Starts a Kustomization's reconciliation in some seconds. */
  reconcile(target: KubeObject, delay: number): void {
    const { timeline, store } = this.#context;
    const { namespace = '', name } = target.metadata;
    const key = `${namespace}/${name}`;
    const run = (this.#runs.get(key) ?? 0) + 1;
    this.#runs.set(key, run);
    const current = () =>
      this.#runs.get(key) === run ? store.get('Kustomization', namespace, name)?.object : undefined;
    timeline.in(delay, () => {
      const object = current();
      if (object === undefined || object.spec?.suspend === true || this.#faulty('Kustomization', object))
        return;
      const message = `Reconciling ${this.revision}`;
      let status = { ...object.status, lastAttemptedRevision: this.revision };
      status = withCondition(
        status,
        conditionOf('Reconciling', 'True', 'Progressing', message, iso(timeline.now), object),
      );
      status = withCondition(
        status,
        conditionOf('Ready', 'Unknown', 'Progressing', message, iso(timeline.now), object),
      );
      store.put({ ...object, status });
      timeline.in(1 + seconds(object, 2), () => this.#attempt(current));
    });
  }

  #attempt(current: () => KubeObject | undefined): void {
    const { timeline } = this.#context;
    const object = current();
    if (object === undefined) return;
    const waitingFor = this.#dependency(object);
    if (waitingFor !== undefined) {
      this.#settle(object, 'False', 'DependencyNotReady', `dependency '${waitingFor}' is not ready`);
      this.#context.waiters.set(object.metadata.uid as string, () => this.#attempt(current));
      return;
    }
    try {
      this.#apply(object);
    } catch (error) {
      this.#settle(object, 'False', 'BuildFailed', (error as Error).message);
      return;
    }
    if (object.spec.wait === true) this.#waitForHealth(current, timeline.now);
    else this.#applied(current());
  }

  /** Nothing to say when what was applied was this Kustomization itself, anew: its next run says it. */
  #applied(object: KubeObject | undefined): void {
    if (object === undefined) return;
    this.#settle(object, 'True', 'ReconciliationSucceeded', `Applied revision: ${this.revision}`, {
      lastAppliedRevision: this.revision,
    });
  }

  #waitForHealth(current: () => KubeObject | undefined, since: number): void {
    const { store, timeline } = this.#context;
    const object = current();
    if (object === undefined) return;
    const members = this.#applier.inventoryOf(object);
    const late = members.find(([kind = '', inside = '', member = '']) => {
      if (kind !== 'HelmRelease' && kind !== 'Kustomization') return false;
      const found = store.get(kind, inside, member)?.object;
      return found === undefined || !isReady(found);
    });
    if (late === undefined) this.#applied(object);
    else if (timeline.now - since > durationOf(object.spec.timeout ?? object.spec.interval, 300) * 1000) {
      this.#settle(
        object,
        'False',
        'HealthCheckFailed',
        `timeout waiting for: [${late[0]}/${late[1]}/${late[2]} status: 'InProgress']`,
      );
    } else timeline.in(5, () => this.#waitForHealth(current, since));
  }

  /** Ends an attempt, or says what it waits for. */
  #settle(
    object: KubeObject,
    ready: 'True' | 'False',
    reason: string,
    message: string,
    fields: object = {},
  ): void {
    const { store, timeline } = this.#context;
    const now = iso(timeline.now);
    const entries = this.#applier.inventoryOf(object).map(([kind, inside, member, apiVersion = 'v1']) => {
      const [group = '', version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
      return { id: `${inside}_${member}_${group}_${kind}`, v: version };
    });
    let status: KubeObject['status'] = {
      ...withoutCondition(object.status, 'Reconciling', 'Stalled'),
      ...fields,
      observedGeneration: object.metadata.generation,
      lastAttemptedRevision: this.revision,
      inventory: { entries },
    };
    status = withCondition(status, conditionOf('Ready', ready, reason, message, now, object));
    const token = object.metadata.annotations?.['reconcile.fluxcd.io/requestedAt'];
    if (token !== undefined) status = { ...status, lastHandledReconcileAt: token };
    store.put({ ...object, status });
    if (ready === 'True') wake(this.#context);
  }

  #dependency(object: KubeObject): string | undefined {
    const { store } = this.#context;
    for (const entry of (object.spec.dependsOn ?? []) as { name: string; namespace?: string }[]) {
      const namespace = entry.namespace ?? object.metadata.namespace;
      const found = store.get('Kustomization', namespace, entry.name)?.object;
      const ready =
        found !== undefined && isReady(found) && found.status?.lastAppliedRevision === this.revision;
      if (!ready) return `${namespace}/${entry.name}`;
    }
    return undefined;
  }

  #apply(object: KubeObject): void {
    const source = object.spec.sourceRef ?? {};
    // Another repository, or another cluster: nothing of it can be seen from here.
    if (source.kind !== 'GitRepository' || source.name !== FLUX || object.spec.kubeConfig !== undefined)
      return;
    this.#applier.apply(object, builtFor(object, this.#files, this.#context.store));
  }

  /** A controller's reaction to an object whose specification is new. */
  #changed(object: KubeObject): void {
    const { store, timeline } = this.#context;
    switch (object.kind) {
      case 'Kustomization':
        this.reconcile(object, 1);
        break;
      case 'HelmRelease':
        this.#helm.reconcile(object, 1 + seconds(object, 2));
        break;
      case 'HelmRepository':
      case 'OCIRepository':
        timeline.in(1, () => {
          const found = store.get(object.kind!, object.metadata.namespace, object.metadata.name)?.object;
          if (found !== undefined) store.put({ ...found, status: sourceStatus(found, iso(timeline.now)) });
          if (object.kind !== 'OCIRepository') return;
          wake(this.#context);
          this.#helm.sourceChanged(object);
        });
        break;
      case 'GitRepository':
        if (object.metadata.name === FLUX) this.#artifact(object);
        else store.put({ ...object, status: sourceStatus(object, iso(timeline.now)) });
        break;
      default:
    }
  }

  /** Somebody changed a Flux object on the cluster: suspended it, or asked for a reconciliation. */
  touched(object: KubeObject): void {
    if (object.kind === 'Kustomization') this.reconcile(object, 1);
    if (object.kind === 'HelmRelease') this.#helm.reconcile(object, 1);
    if (object.kind === 'GitRepository') {
      const { store, timeline } = this.#context;
      timeline.in(1, () => {
        const found = store.get('GitRepository', object.metadata.namespace, object.metadata.name)?.object;
        const token = found?.metadata.annotations?.['reconcile.fluxcd.io/requestedAt'];
        if (found === undefined || token === undefined) return;
        store.put({ ...found, status: { ...found.status, lastHandledReconcileAt: token } });
        this.#context.poll();
      });
    }
  }

  /** Sets what a fault of the scenario says; true when the object must not be reconciled. */
  #faulty(kind: 'GitRepository' | 'Kustomization', object: KubeObject): boolean {
    return applyFluxFault(this.#context, kind, object);
  }
}
