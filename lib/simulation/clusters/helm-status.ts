import type { KubeObject } from '../../ports/cluster-access.js';
import { digestOf, type Release, type Snapshot, snapshotOf, superseded } from './helm-release.js';
import { conditionOf, withCondition, withoutCondition } from './status.js';

/** Entries that helm-controller keeps. */
const HISTORY = 5;

type Status = KubeObject['status'];
type Written = [type: string, status: 'True' | 'False' | 'Unknown', reason: string, message: string];

export function historyOf(object: KubeObject): Snapshot[] {
  return (object.status?.history ?? []) as Snapshot[];
}

/** The status with conditions written one after the other. `now`: ISO 8601. */
export function withConditions(object: KubeObject, status: Status, now: string, ...all: Written[]): Status {
  return all.reduce(
    (written, [type, value, reason, message]) =>
      withCondition(written, conditionOf(type, value, reason, message, now, object)),
    status,
  );
}

/** Helm has begun. */
export function begunStatus(
  object: KubeObject,
  release: Release,
  action: 'install' | 'upgrade',
  now: string,
): Status {
  const message = `Running '${action}' action with timeout of ${object.spec.timeout ?? '5m0s'}`;
  const { namespace, name, generation } = object.metadata;
  const status = {
    ...withoutCondition(object.status, 'Stalled', 'Remediated'),
    lastAttemptedGeneration: generation,
    lastAttemptedRevision: release.version,
    lastAttemptedConfigDigest: digestOf(release.values),
    lastAttemptedReleaseAction: action,
    ...(object.spec.chart !== undefined && {
      helmChart: `${object.spec.chart.spec?.sourceRef?.namespace ?? namespace}/${namespace}-${name}`,
    }),
  };
  return withConditions(
    object,
    status,
    now,
    ['Reconciling', 'True', 'Progressing', message],
    ['Ready', 'Unknown', 'Progressing', message],
  );
}

/** What is asked for runs. `released`: by a release that is new in the history. */
export function readyStatus(object: KubeObject, release: Release, released: boolean, now: string): Status {
  const history = historyOf(object);
  const last = history[0];
  const action =
    (object.status?.lastAttemptedReleaseAction ?? 'upgrade') === 'install' ? 'Install' : 'Upgrade';
  const message = `Helm ${action.toLowerCase()} succeeded for release ${release.namespace}/${release.name}.v${(last?.version ?? 0) + (released ? 1 : 0)} with chart ${release.chart}@${release.version}`;
  const status: Status = {
    ...withoutCondition(object.status, 'Reconciling', 'Stalled', 'Remediated'),
    observedGeneration: object.metadata.generation,
    lastAttemptedGeneration: object.metadata.generation,
    ...(released && {
      history: [snapshotOf(now, release, last, 'deployed'), ...history.map(superseded)].slice(0, HISTORY),
    }),
  };
  for (const field of ['failures', 'upgradeFailures']) delete status[field];
  return withConditions(object, status, now, ['Ready', 'True', `${action}Succeeded`, message]);
}

/** The upgrade has failed. `stalled`: nothing more is tried. */
export function failedStatus(object: KubeObject, release: Release, stalled: boolean, now: string): Status {
  const history = historyOf(object);
  const message = `Helm upgrade failed for release ${release.namespace}/${release.name} with chart ${release.chart}@${release.version}: context deadline exceeded`;
  const status = {
    ...withoutCondition(object.status, 'Reconciling'),
    failures: (object.status?.failures ?? 0) + 1,
    upgradeFailures: 1,
    history: [snapshotOf(now, release, history[0], 'failed'), ...history].slice(0, HISTORY),
    ...(stalled && { observedGeneration: object.metadata.generation }),
  };
  return withConditions(
    object,
    status,
    now,
    ['Released', 'False', 'UpgradeFailed', message],
    ['Ready', 'False', 'UpgradeFailed', message],
    ...(stalled
      ? ([['Stalled', 'True', 'RetriesExceeded', 'Failed to upgrade after 1 attempt(s)']] satisfies Written[])
      : []),
  );
}
