import type { KubeObject } from '../../ports/cluster-access.js';
import { type ClusterContext, wake } from './context.js';
import { holdsFor } from './faults.js';
import { applyFluxFault } from './flux-faults.js';
import { digestOf, isForced, type Release, releaseOf, snapshotOf, superseded } from './helm-release.js';
import { begunStatus, failedStatus, historyOf, readyStatus, withConditions } from './helm-status.js';
import { conditionOf, durationOf, iso, isReady, seconds, withCondition, withoutCondition } from './status.js';

/** The charts' effect on the cluster. */
export interface Installer {
  /** Applies the chart's objects. */
  apply(release: Release): void;
  /** What Helm waits for. */
  state(release: Release): 'waiting' | 'ready';
  /** The version of Istio when the cluster began. */
  firstVersion(): string;
}

/** Flux's helm-controller. */
export class HelmController {
  readonly #context: ClusterContext;
  readonly #installer: Installer;
  readonly #runs = new Map<string, number>();

  constructor(context: ClusterContext, installer: Installer) {
    this.#context = context;
    this.#installer = installer;
  }

  /** Every release that takes its chart from this OCIRepository. */
  sourceChanged(source: KubeObject): void {
    for (const { object } of this.#context.store.list('HelmRelease')) {
      const { kind, name, namespace } = object.spec?.chartRef ?? {};
      const fits = kind === 'OCIRepository' && name === source.metadata.name;
      if (fits && (namespace ?? object.metadata.namespace) === source.metadata.namespace)
        this.reconcile(object, 1);
    }
  }

  reconcile(target: KubeObject, delay: number): void {
    const { store, timeline } = this.#context;
    const { namespace = '', name } = target.metadata;
    const key = `${namespace}/${name}`;
    const run = (this.#runs.get(key) ?? 0) + 1;
    this.#runs.set(key, run);
    const current = () =>
      this.#runs.get(key) === run ? store.get('HelmRelease', namespace, name)?.object : undefined;
    timeline.in(delay, () => this.#attempt(current));
  }

  #attempt(current: () => KubeObject | undefined): void {
    const { store, timeline } = this.#context;
    let object = current();
    if (
      object === undefined ||
      object.spec?.suspend === true ||
      applyFluxFault(this.#context, 'HelmRelease', object)
    )
      return;
    const blocked = this.#blocked(object);
    if (blocked !== undefined) {
      this.#condition(object, 'Ready', 'False', blocked.reason, blocked.message);
      this.#context.waiters.set(object.metadata.uid as string, () => this.#attempt(current));
      return;
    }
    const release = releaseOf(object, store);
    if (release === undefined) {
      this.#condition(object, 'Ready', 'False', 'ArtifactFailed', 'no chart version matches');
      return;
    }
    const forced = isForced(object);
    object = this.#handled(object);
    const deployed = historyOf(object)[0];
    const healthy = conditionStatus(object, 'Ready') === 'True' || deployed === undefined;
    const same =
      deployed?.chartVersion === release.version && deployed.configDigest === digestOf(release.values);
    if (same && healthy && !forced) {
      this.#ready(object, release, false);
      return;
    }
    const action = deployed === undefined ? 'install' : 'upgrade';
    store.put({ ...object, status: begunStatus(object, release, action, iso(timeline.now)) });
    const fault = this.#fault(object, release);
    if (fault === 'failed' || fault === 'stalled') {
      timeline.in(20, () => this.#fail(current(), release, fault === 'stalled'));
      return;
    }
    this.#installer.apply(release);
    if (fault === 'rolled-back') timeline.in(20, () => this.#rollBack(current(), release));
    else timeline.in(3 + seconds(object, 3), () => this.#wait(current, release, timeline.now));
  }

  #fault(object: KubeObject, release: Release): 'rolled-back' | 'failed' | 'stalled' | undefined {
    const first = this.#installer.firstVersion();
    if (first === '') return undefined;
    return this.#context
      .faults()
      .helm?.find(
        (entry) =>
          [object.metadata.name, release.name, release.chart].includes(entry.release) &&
          holdsFor(entry, release.version, first),
      )?.outcome;
  }

  #blocked(object: KubeObject): { reason: string; message: string } | undefined {
    const { store } = this.#context;
    for (const entry of (object.spec.dependsOn ?? []) as { name: string; namespace?: string }[]) {
      const namespace = entry.namespace ?? object.metadata.namespace;
      const found = store.get('HelmRelease', namespace, entry.name)?.object;
      if (found === undefined || !isReady(found)) {
        return {
          reason: 'DependencyNotReady',
          message: `dependency '${namespace}/${entry.name}' is not ready`,
        };
      }
    }
    const { kind, name, namespace } = object.spec.chartRef ?? {};
    if (kind === 'OCIRepository') {
      const source = store.get('OCIRepository', namespace ?? object.metadata.namespace, name)?.object;
      if (source === undefined || !isReady(source)) {
        return { reason: 'SourceNotReady', message: `OCIRepository '${name}' is not ready` };
      }
    }
    return undefined;
  }

  #wait(current: () => KubeObject | undefined, release: Release, since: number): void {
    const { store, timeline } = this.#context;
    const object = current();
    if (object === undefined) return;
    if (this.#installer.state(release) === 'ready') {
      const action = object.status.lastAttemptedReleaseAction === 'install' ? 'Install' : 'Upgrade';
      const message = `Helm ${action.toLowerCase()} succeeded for release ${release.namespace}/${release.name} with chart ${release.chart}@${release.version}`;
      const status = withConditions(object, object.status, iso(timeline.now), [
        'Released',
        'True',
        `${action}Succeeded`,
        message,
      ]);
      store.put({ ...object, status });
      timeline.in(2, () => {
        const later = current();
        if (later !== undefined) this.#ready(later, release, true);
      });
    } else if (timeline.now - since < durationOf(object.spec.timeout, 300) * 1000) {
      timeline.in(3, () => this.#wait(current, release, since));
    } else {
      const {
        retries = 0,
        remediateLastFailure = retries > 0,
        strategy = 'rollback',
      } = object.spec.upgrade?.remediation ?? {};
      if (remediateLastFailure && strategy === 'rollback') this.#rollBack(object, release);
      else this.#fail(object, release, true);
    }
  }

  #ready(object: KubeObject, release: Release, released: boolean): void {
    const { store, timeline } = this.#context;
    store.put({ ...object, status: readyStatus(object, release, released, iso(timeline.now)) });
    wake(this.#context);
  }

  #fail(object: KubeObject | undefined, release: Release, stalled: boolean): void {
    if (object === undefined) return;
    const { store, timeline } = this.#context;
    store.put({ ...object, status: failedStatus(object, release, stalled, iso(timeline.now)) });
  }

  /** Flux takes the failed upgrade back by itself: the newest entry of the history is the old chart again. */
  #rollBack(object: KubeObject | undefined, release: Release): void {
    if (object === undefined) return;
    this.#fail(object, release, false);
    const { store, timeline } = this.#context;
    const failed = store.get('HelmRelease', object.metadata.namespace, object.metadata.name)!.object;
    const history = historyOf(failed);
    const good = history.find((entry) => entry.status === 'deployed');
    if (good === undefined) return;
    const old = { ...release, version: good.chartVersion };
    this.#installer.apply(old);
    timeline.in(5, () => {
      const latest = store.get('HelmRelease', object.metadata.namespace, object.metadata.name)?.object;
      if (latest === undefined || latest.metadata.generation !== object.metadata.generation) return;
      const message = `Helm rollback to previous release ${release.namespace}/${release.name}.v${good.version} with chart ${release.chart}@${good.chartVersion} succeeded`;
      const now = iso(timeline.now);
      const snapshot = {
        ...snapshotOf(now, old, history[0], 'deployed'),
        configDigest: good.configDigest,
      };
      const entries = [snapshot, ...history.map((entry) => (entry === good ? superseded(entry) : entry))];
      const status = withConditions(
        latest,
        { ...latest.status, history: entries.slice(0, 5) },
        now,
        ['Remediated', 'True', 'RollbackSucceeded', message],
        ['Ready', 'False', 'RollbackSucceeded', message],
      );
      store.put({ ...latest, status });
    });
  }

  /** Takes up the requests in annotations. */
  #handled(object: KubeObject): KubeObject {
    const annotations = object.metadata.annotations ?? {};
    const token = annotations['reconcile.fluxcd.io/requestedAt'];
    if (token === undefined || object.status?.lastHandledReconcileAt === token) return object;
    const status = { ...object.status, lastHandledReconcileAt: token };
    if (annotations['reconcile.fluxcd.io/forceAt'] === token) status.lastHandledForceAt = token;
    if (annotations['reconcile.fluxcd.io/resetAt'] === token) status.lastHandledResetAt = token;
    return this.#context.store.put({ ...object, status });
  }

  #condition(
    object: KubeObject,
    type: string,
    status: 'True' | 'False',
    reason: string,
    message: string,
  ): void {
    const condition = conditionOf(type, status, reason, message, iso(this.#context.timeline.now), object);
    this.#context.store.put({
      ...object,
      status: withCondition(withoutCondition(object.status, 'Reconciling'), condition),
    });
  }
}

function conditionStatus(object: KubeObject, type: string): string | undefined {
  return (object.status?.conditions as { type: string; status: string }[] | undefined)?.find(
    (entry) => entry.type === type,
  )?.status;
}
