import type { Rollout } from '../../domain/rollout.js';
import { type Verdict, worst } from '../../domain/verdict.js';
import type { Ports } from '../../ports/index.js';
import { stepVerdict } from '../../targets/target.js';
import { readReports } from '../decide.js';
import { readProgress } from './progress.js';

/**
 * What the upgrade did to each cluster, as far as it was judged: its soak and checks, and the steps of Flux and the
 * restart. A cluster that was not watched to the end is `inconclusive`,
 * never `passed`: what the checks before the change said is not about the upgrade.
 */
export async function upgradeVerdicts(
  rollout: Rollout,
  ports: Pick<Ports, 'journal'>,
): Promise<ReadonlyMap<string, Verdict>> {
  const [reports, steps] = await Promise.all([
    readReports(rollout, { stage: 'after', direction: 'forward' }, ports),
    readProgress(rollout, 'forward', ports),
  ]);
  return new Map(
    rollout.clusters.map(({ cluster_id }) => [
      cluster_id,
      worst([
        'inconclusive',
        ...reports.filter((one) => one.cluster_id === cluster_id).map(({ verdict }) => verdict),
        ...steps.filter((one) => one.cluster_id === cluster_id).map(stepVerdict),
      ]),
    ]),
  );
}
