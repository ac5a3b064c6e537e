import { Command, CommanderError } from 'commander';
import { EXIT, type Io } from './io.js';

/** A command's file, loaded only when its command is asked for: the CDK or the simulation cost nobody else time. */
type Module = { register: (program: Command, io: Io) => void };
const COMMANDS: Readonly<Record<string, () => Promise<Module>>> = {
  demo: () => import('./demo.js'),
  local: () => import('./local.js'),
  plan: () => import('./plan.js'),
  bump: () => import('./bump.js'),
  diff: () => import('./diff.js'),
  registry: () => import('./registry.js'),
  list: () => import('./list.js'),
  run: () => import('./rollout.js'),
  monitor: () => import('./rollout.js'),
  rollback: () => import('./rollout.js'),
  cancel: () => import('./rollout.js'),
  resume: () => import('./rollout.js'),
  status: () => import('./status.js'),
  replay: () => import('./replay.js'),
  'export-recording': () => import('./export-recording.js'),
  templates: () => import('./templates.js'),
  validate: () => import('./validate.js'),
  webhook: () => import('./webhook.js'),
};

const EXAMPLES = `
Try it without an account or a network:
  guard demo                                     three rollouts on a simulated fleet of 75 clusters
  guard local                                    the same engine and fleet, for the AWS CLI, kubectl and these commands

Upgrade a batch:
  guard registry import clusters.json            tell GUARD about the clusters, once
  guard run --batch test --target-version 1.30.2 check it and open the merge request
  guard status --batch test --watch              follow; GUARD goes on when a human has merged

Look before anything is touched:
  guard plan --tree . --clusters clusters.json --batch test --target istio --to 1.30.2
  guard diff --batch test --target-version 1.30.2  the same on the project in GitLab

Exit codes: 0 done, 1 failed, 2 usage, 3 refused by a rule.`;

/** Runs one command line; returns the exit code. */
export async function main(args: readonly string[], given: Partial<Io> = {}): Promise<number> {
  let code = 0;
  const io: Io = {
    out: (text) => process.stdout.write(`${text}\n`),
    err: (text) => process.stderr.write(`${text}\n`),
    exit: (wanted) => {
      code = Math.max(code, wanted);
    },
    color: process.stdout.isTTY === true && !process.env.NO_COLOR,
    cwd: process.cwd(),
    env: process.env,
    ...given,
  };
  const program = new Command('guard')
    .description(
      'GitOps Upgrade Automation with Rollback Detection: moves Istio and other add-ons on fleets of EKS clusters through merge requests, wave by wave, and fails closed.',
    )
    .option(
      '--config <file>',
      'configuration (default: $GUARD_CONFIG_FILE, ./guard.yaml, ~/.guard/config.yaml)',
    )
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.err(text.trimEnd()),
    });
  try {
    const modules = new Set<Module>();
    // One after the other: loaders of modules may stumble over graphs that overlap and are loaded at once.
    for (const load of modulesFor(args)) modules.add(await load());
    for (const module of modules) module.register(program, io);
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version were asked for: done. Everything else is a wrong command line.
    return error.exitCode === 0 ? code : EXIT.usage;
  }
  return code;
}

/** The named command's file alone; all of them for help or an unknown word. */
function modulesFor(args: readonly string[]): (() => Promise<Module>)[] {
  const named = args.find((arg, index) => !arg.startsWith('-') && args[index - 1] !== '--config');
  const one = named === undefined ? undefined : COMMANDS[named];
  return one ? [one] : Object.values(COMMANDS);
}
