import { bumpFiles } from '../../lib/gitops/bump.js';
import { planChange } from '../../lib/gitops/plan.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { fleetOf, variableTree } from '../support/gitops-trees.js';

interface Measure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** The engine's speed on generated trees: one variable per cluster, a shared base, Flux's own folder each. */
export async function gitopsBench(): Promise<Measure[]> {
  planFor(50);
  // The medians: a machine that others use gives single wild numbers.
  const small = median([1, 2, 3, 4, 5].map(() => planFor(100)));
  const middle = median([1, 2, 3].map(() => planFor(1_000)));
  const large = median([1, 2, 3].map(() => planFor(10_000)));
  return [
    { name: 'gitops.bump.files_per_s', value: bumpRate(2_000), unit: 'files/s' },
    { name: 'gitops.plan.clusters_per_s', value: 1_000 / (middle / 1_000), unit: 'clusters/s' },
    { name: 'gitops.plan.growth', value: large / (small * 100), unit: 'ratio' },
    { name: 'gitops.plan.peak_memory', value: process.resourceUsage().maxRSS / 1_024, unit: 'MiB' },
  ];
}

/** Milliseconds to plan a tenth of the fleet, from the plain tree to the diff. */
function planFor(count: number): number {
  const ids = Array.from({ length: count }, (_, index) => `cluster-${index}`);
  const tree = variableTree(Object.fromEntries(ids.map((id) => [id, '1.28.2'])));
  const wave = new Map(ids.slice(0, Math.ceil(count / 10)).map((id) => [id, '1.29.1']));
  const begin = performance.now();
  const plan = planChange({ tree, fleet: fleetOf(...ids), wave, target: gitopsTarget('istio') });
  const time = performance.now() - begin;
  if (plan.edits.length !== wave.size)
    throw new Error(`the plan has ${plan.edits.length} edits, not ${wave.size}`);
  return time;
}

function bumpRate(count: number): number {
  const ids = Array.from({ length: count }, (_, index) => `cluster-${index}`);
  const files = [...variableTree(Object.fromEntries(ids.map((id) => [id, '1.28.2'])))].filter(([path]) =>
    path.endsWith('/istio.yaml'),
  );
  const target = gitopsTarget('istio');
  const begin = performance.now();
  for (const file of files) {
    if (bumpFiles(new Map([file]), target, '1.29.1').edits.length !== 1)
      throw new Error(`${file[0]} was not found`);
  }
  return files.length / ((performance.now() - begin) / 1_000);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
