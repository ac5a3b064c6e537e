import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { parseRegistry } from '../config/registry-format.js';
import { UsageError } from '../domain/errors.js';
import { type Outcome, rolloutKey } from '../domain/rollout.js';
import { isExactVersion } from '../domain/version.js';
import { journalKeys } from '../ports/journal-keys.js';
import type { LocalFleet } from '../simulation/fleet.js';
import type { Scenario } from '../simulation/scenario.js';
import { demoReport, type RolloutReport } from './demo/report.js';
import { runOne } from './demo/run-one.js';
import { createShow } from './demo/show.js';
import { guarded } from './errors.js';
import { examples } from './help.js';
import { EXIT, type Io } from './io.js';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));
const VERSION = '1.30.2';

interface DemoOptions {
  json?: boolean;
  interactive?: boolean;
  tree?: string;
  clusters?: string;
  batch?: string;
  to?: string;
  target: string;
  scenario?: string;
}

interface Act {
  readonly batch: string;
  readonly title: string;
  readonly expect: Outcome;
}

const ACTS: readonly Act[] = [
  { batch: 'test', title: 'A batch that goes well', expect: 'healthy' },
  { batch: 'prod-wave-1', title: 'A batch whose turn has not come', expect: 'refused' },
  { batch: 'dev-wave-1', title: 'A batch in which one cluster gets slow', expect: 'rolled-back' },
];

/** `guard demo`: the main job, on the embedded engine and a simulated fleet. */
export function register(program: Command, io: Io): void {
  program
    .command('demo')
    .description(
      'three rollouts on a simulated fleet of 75 clusters: one healthy, one refused, one rolled back',
    )
    .option('--json', 'one JSON document on stdout and nothing else')
    .option('--interactive', 'you merge: on a small page of the simulated GitLab')
    .option('--tree <dir>', 'one rollout on your own GitOps tree')
    .option('--clusters <file>', 'with --tree: its clusters, in the registry format')
    .option('--batch <name>', 'with --tree: the batch to move')
    .option('--to <version>', 'with --tree: the version to move to')
    .option('--target <name>', 'with --tree: what is upgraded', 'istio')
    .option('--scenario <file>', 'latency and faults of the simulation (YAML)')
    .addHelpText(
      'after',
      examples(
        ['guard demo', 'three rollouts, about half a minute'],
        ['guard demo --interactive', 'you merge, in the browser'],
        [
          'guard demo --tree DIR --clusters FILE --batch NAME --to 1.30.2',
          'one rollout on your own GitOps tree, with its diff',
        ],
      ),
    )
    .action((options: DemoOptions) => guarded(io, () => demo(options, io)));
}

async function demo(options: DemoOptions, io: Io): Promise<void> {
  const own = options.tree !== undefined;
  if (own && !(options.clusters && options.batch && options.to)) {
    throw new UsageError('--tree needs --clusters FILE, --batch NAME and --to VERSION beside it');
  }
  if (!own && (options.clusters || options.batch || options.to))
    throw new UsageError('--clusters, --batch and --to belong to --tree DIR');
  if (options.to && !isExactVersion(options.to))
    throw new UsageError(`--to ${options.to}: not one exact version; give three numbers, as in ${VERSION}`);
  const clustersFile = options.clusters ? resolve(io.cwd, options.clusters) : `${EXAMPLES}clusters.json`;
  const clusters = parseRegistry(
    read(clustersFile),
    options.clusters ?? 'examples/clusters.json',
    '2026-06-01T00:00:00Z',
  );
  const acts: readonly Act[] = own
    ? [
        {
          batch: options.batch!,
          title: `${options.target} ${options.to} on ${options.tree}`,
          expect: 'healthy',
        },
      ]
    : ACTS;

  // Only now: the engine and the simulation take a moment to load.
  const [{ startLocalFleet }, { readScenario }] = await Promise.all([
    import('../simulation/fleet.js'),
    import('../simulation/read-scenario.js'),
  ]);
  const startedAt = Date.now();
  const show = createShow(io, { quiet: options.json === true });
  const fleet = await startLocalFleet({
    clusters,
    configText: read(`${EXAMPLES}guard.yaml`),
    tree: own ? resolve(io.cwd, options.tree!) : `${EXAMPLES}fleet`,
    scenario: options.scenario
      ? readScenario(resolve(io.cwd, options.scenario), options.scenario, clusters)
      : demoScenario(own),
    people: options.interactive !== true,
    threads: 1,
    ownBatches: own,
  });
  const reports: RolloutReport[] = [];
  try {
    show.opening(fleet, { own, interactive: options.interactive === true });
    for (const act of acts) {
      show.act(act.title);
      const name = { target: options.target, version: options.to ?? VERSION, batch: act.batch };
      reports.push(await runOne(fleet, name, show));
      show.ending(reports.at(-1)!, act.expect);
      if (own) show.diff(await diffOf(fleet, name));
    }
  } finally {
    await fleet.stop();
  }
  const report = demoReport(reports, (Date.now() - startedAt) / 1000);
  if (options.json) io.out(JSON.stringify(report));
  else show.closing(report);
  const asDescribed = acts.every((act, index) => act.expect === reports[index]?.outcome);
  if (!asDescribed)
    io.exit(reports.some((entry) => own && entry.outcome === 'refused') ? EXIT.refused : EXIT.failed);
}

/** What was proposed: on somebody's own tree that is the point. */
async function diffOf(
  fleet: LocalFleet,
  name: { target: string; version: string; batch: string },
): Promise<string> {
  const pk = journalKeys.rollout(rolloutKey({ ...name, attempt: 1 }));
  const [plan] = await fleet.remote.journal.records(pk, journalKeys.plan('forward'));
  return String(plan?.diff ?? '');
}

/** One cluster of the second wave answers half as fast after the upgrade. */
function demoScenario(own: boolean): Scenario {
  if (own) return { seed: 7 };
  return {
    seed: 7,
    clusters: {
      'eks-dev-us-east-1-api': { regressions: [{ metric: 'latency_p99', factor: 2, version: VERSION }] },
    },
  } as Scenario;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(
      `${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
    );
  }
}
