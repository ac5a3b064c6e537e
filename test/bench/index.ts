import { parseArgs } from 'node:util';

/** One figure; its limit, where there is one, stands in the bench that makes it. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

export interface BenchOptions {
  /** More repetitions, for figures that are published. */
  readonly full: boolean;
  /** Tells people what is going on; stdout belongs to the figures. */
  readonly note: (line: string) => void;
}

type Bench = (options: BenchOptions) => Promise<readonly Figure[]>;

interface Suite {
  readonly file: string;
  readonly function: string;
  /** What its figures' names begin with: a suite that has none of those asked for is not run. */
  readonly prefixes: readonly string[];
}

const SUITES: readonly Suite[] = [
  { file: './rollout.js', function: 'rolloutBench', prefixes: ['precheck.', 'rollout.'] },
  { file: './bundles.js', function: 'bundlesBench', prefixes: ['bundle_kb.', 'init_ms.'] },
  { file: './gate-requests.js', function: 'gateRequestsBench', prefixes: ['gate.requests_per_measurement'] },
  {
    file: './gates.js',
    function: 'gatesBench',
    prefixes: [
      'gate.seed',
      'gate.rollouts',
      'gate.false_rollback',
      'gate.fixed_threshold',
      'gate.healthy_held',
      'gate.miss',
      'gate.detect',
      'gate.shared_incident',
      'gate.wrong_verdicts',
    ],
  },
  { file: './gitops.js', function: 'gitopsBench', prefixes: ['gitops.'] },
];

const USAGE = `usage: npm run -s bench -- [--json] [--only PREFIX] [--full]
  --json          one array of {name, value, unit} on stdout, and nothing else
  --only PREFIX   only figures whose names begin so, e.g. precheck. or gitops.plan
  --full          more repetitions, for figures that are published`;

/** Runs the suites one after the other, so that none slows another down. Exit code 0, 1 or 2 (usage). */
export async function main(argv: readonly string[]): Promise<number> {
  let options: { json?: boolean; full?: boolean; only?: string; help?: boolean };
  try {
    options = parseArgs({
      args: [...argv],
      options: {
        json: { type: 'boolean' },
        full: { type: 'boolean' },
        only: { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n${USAGE}\n`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const only = options.only ?? '';
  const note = (line: string) => process.stderr.write(`bench: ${line}\n`);
  const wanted = SUITES.filter(({ prefixes }) =>
    prefixes.some((prefix) => prefix.startsWith(only) || only.startsWith(prefix)),
  );
  if (wanted.length === 0) {
    note(`no figure begins with '${only}'; they begin with ${SUITES.flatMap((s) => s.prefixes).join(', ')}`);
    return 2;
  }
  const figures: Figure[] = [];
  let failures = 0;
  for (const suite of wanted) {
    const bench = await load(suite);
    if (!bench) {
      note(`${suite.function} is not there and is left out`);
      continue;
    }
    const begin = performance.now();
    try {
      figures.push(...(await bench({ full: options.full === true, note })));
      note(`${suite.function}: ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    } catch (error) {
      failures += 1;
      note(`${suite.function} failed: ${(error as Error).stack ?? String(error)}`);
    }
  }
  const shown = figures.filter(({ name }) => name.startsWith(only)).map(rounded);
  process.stdout.write(`${options.json ? JSON.stringify(shown) : asTable(shown)}\n`);
  return failures > 0 ? 1 : 0;
}

/** `undefined` when the file is not there; a file that is there and broken is an error. */
async function load(suite: Suite): Promise<Bench | undefined> {
  try {
    const module = (await import(suite.file)) as Record<string, Bench | undefined>;
    return module[suite.function];
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const own = suite.file.replace(/^\.\/|\.js$/g, '');
    if (code === 'ERR_MODULE_NOT_FOUND' && message.includes(`/test/bench/${own}.`)) return undefined;
    throw error;
  }
}

/** Five digits are more than any of these measurements holds. */
function rounded({ name, value, unit }: Figure): Figure {
  return { name, value: Number.isInteger(value) ? value : Number(value.toPrecision(5)), unit };
}

function asTable(figures: readonly Figure[]): string {
  const texts = figures.map(({ value }) => String(value));
  const nameWidth = Math.max(0, ...figures.map(({ name }) => name.length));
  const valueWidth = Math.max(0, ...texts.map((text) => text.length));
  return figures
    .map(({ name, unit }, at) => `${name.padEnd(nameWidth)}  ${texts[at]!.padStart(valueWidth)}  ${unit}`)
    .join('\n');
}
