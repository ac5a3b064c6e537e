import type { KubeObject } from '../../ports/cluster-access.js';
import type { ClusterContext } from './context.js';
import { within } from './faults.js';
import { conditionOf, iso, withCondition, withoutCondition } from './status.js';

/** Sets what a fault of the scenario says about a Flux object; true when it must not be reconciled. */
export function applyFluxFault(
  context: ClusterContext,
  kind: 'GitRepository' | 'Kustomization' | 'HelmRelease',
  object: KubeObject,
): boolean {
  // What is wrong begins with the world: everything was installed before it.
  if (context.minutes() < 0) return false;
  const fault = context
    .faults()
    .flux?.find(
      (entry) =>
        entry.kind === kind && entry.name === object.metadata.name && within(entry, context.minutes()),
    );
  if (fault === undefined) return false;
  const now = iso(context.timeline.now);
  if (fault.state === 'suspended') {
    context.store.put({ ...object, spec: { ...object.spec, suspend: true } });
    return true;
  }
  const reason = fault.reason ?? (kind === 'HelmRelease' ? 'RetriesExceeded' : 'BuildFailed');
  const message = fault.message ?? 'Failed, and will not be tried again';
  let status = withoutCondition(object.status, 'Reconciling');
  status = withCondition(status, conditionOf('Ready', 'False', reason, message, now, object));
  if (fault.state === 'stalled') {
    status = withCondition(status, conditionOf('Stalled', 'True', reason, message, now, object));
    status = { ...status, observedGeneration: object.metadata.generation };
  }
  context.store.put({ ...object, status });
  return true;
}
