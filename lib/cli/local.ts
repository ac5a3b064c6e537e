import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { ENV } from '../config/names.js';
import { parseRegistry } from '../config/registry-format.js';
import { UsageError } from '../domain/errors.js';
import { localAws } from '../local/environment.js';
import { readTemplate } from '../local/template.js';
import type { LocalFleet } from '../simulation/fleet.js';
import { guarded } from './errors.js';
import { examples } from './help.js';
import type { Io } from './io.js';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));

interface LocalOptions {
  data?: string;
  port?: string;
  clusters?: string;
  tree?: string;
  scenario?: string;
  people?: boolean;
  config?: string;
  template?: string;
}

/** `guard local`: the engine and the fleet of the demo, for stock tools, until it is stopped. */
export function register(program: Command, io: Io): void {
  program
    .command('local')
    .description(
      'the embedded engine and the simulated fleet, for the AWS CLI, kubectl, curl and the guard commands',
    )
    .option('--data <dir>', 'keep tables, executions and the fleet here; a new start goes on where it was')
    .option(
      '--port <number>',
      'port of the AWS endpoint; GitLab, Datadog, Kubernetes and Prometheus take the four after it',
    )
    .option('--clusters <file>', 'your own clusters, in the registry format')
    .option('--tree <dir>', 'your own GitOps tree')
    .option('--scenario <file>', 'latency and faults of the simulation (YAML)')
    .option(
      '--template <file>',
      'machine, functions, their environment and configuration as synthesized (cdk.out/Guard.template.json)',
    )
    .option('--people', 'simulated reviewers merge by themselves')
    .addHelpText(
      'after',
      examples(
        ['guard local', 'until Ctrl-C; prints what to source in another shell'],
        ['guard local --data fleet', 'survives being killed: the same command goes on'],
        ['guard local --people --scenario faults.yaml', 'reviewers merge, and things go wrong'],
      ),
    )
    .action((options: LocalOptions) =>
      guarded(io, () => local({ ...options, ...program.opts<{ config?: string }>() }, io)),
    );
}

async function local(options: LocalOptions, io: Io): Promise<void> {
  const port = options.port === undefined ? 0 : Number(options.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_531)
    throw new UsageError(`--port ${options.port}: a number from 1 to 65531`);
  const file = options.clusters ? resolve(io.cwd, options.clusters) : `${EXAMPLES}clusters.json`;
  if (!existsSync(file)) throw new UsageError(`${options.clusters}: no such file`);
  const config = options.config ? resolve(io.cwd, options.config) : `${EXAMPLES}guard.yaml`;
  if (!existsSync(config)) throw new UsageError(`${options.config}: no such configuration file`);
  if (options.template && options.config)
    throw new UsageError('--template brings the configuration that was deployed: leave --config out');
  const [{ ACCOUNT, REGION, startLocalFleet }, { readScenario }] = await Promise.all([
    import('../simulation/fleet.js'),
    import('../simulation/read-scenario.js'),
  ]);
  const deployed = options.template
    ? readTemplate(resolve(io.cwd, options.template), { account: ACCOUNT, region: REGION })
    : undefined;
  const dataDir = options.data ? resolve(io.cwd, options.data) : undefined;
  const kept = dataDir ? keptPorts(dataDir) : {};
  const folder = dataDir ?? resolve(io.cwd, '.guard');
  mkdirSync(folder, { recursive: true });
  const clusters = parseRegistry(
    readFileSync(file, 'utf8'),
    options.clusters ?? 'examples/clusters.json',
    '2026-06-01T00:00:00Z',
  );
  const fleet = await startLocalFleet({
    clusters,
    ...(deployed ?? { configText: readFileSync(config, 'utf8') }),
    tree: options.tree ? resolve(io.cwd, options.tree) : `${EXAMPLES}fleet`,
    scenario: options.scenario
      ? readScenario(resolve(io.cwd, options.scenario), options.scenario, clusters)
      : { seed: 7 },
    people: options.people === true,
    ownBatches: options.clusters !== undefined,
    ...(dataDir ? { dataDir } : {}),
    ports:
      port > 0
        ? { aws: port, gitlab: port + 1, datadog: port + 2, kubernetes: port + 3, prometheus: port + 4 }
        : kept,
    logFile: join(folder, 'guard.log'),
  });
  const environment = writeFiles(fleet, folder);
  io.out(welcome(fleet, environment, folder));
  await new Promise<void>((done) => {
    process.once('SIGINT', done);
    process.once('SIGTERM', done);
  });
  await fleet.stop();
}

/** The same addresses after a restart: what runs keeps links to them. */
function keptPorts(dataDir: string): {
  aws?: number;
  gitlab?: number;
  datadog?: number;
  kubernetes?: number;
  prometheus?: number;
} {
  const file = join(dataDir, 'ports.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>) : {};
}

function writeFiles(fleet: LocalFleet, folder: string): string {
  const portOf = (url: string) => Number(new URL(url).port);
  const ports = {
    aws: portOf(fleet.engine.endpoint),
    gitlab: portOf(fleet.gitlab.url),
    datadog: portOf(fleet.datadog.url),
    kubernetes: portOf(fleet.kubernetes.url),
    prometheus: portOf(fleet.prometheus.url),
  };
  writeFileSync(join(folder, 'ports.json'), JSON.stringify(ports));
  const config = join(folder, 'guard.yaml');
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(config, fleet.configText);
  writeFileSync(kubeconfig, fleet.kubernetes.kubeconfig(), { mode: 0o600 });
  const variables: Record<string, string> = {
    ...localAws(fleet.engine.endpoint, 'us-east-1'),
    [ENV.configFile]: config,
    KUBECONFIG: kubeconfig,
  };
  const environment = join(folder, 'env');
  writeFileSync(
    environment,
    `${Object.entries(variables)
      .map(([name, value]) => `export ${name}='${value}'`)
      .join('\n')}\n`,
  );
  return environment;
}

function welcome(fleet: LocalFleet, environment: string, folder: string): string {
  const first = fleet.clusters[0]!.cluster_id;
  const batch = fleet.clusters[0]!.batch_id;
  return `GUARD is running on this machine with ${fleet.clusters.length} simulated clusters. Stop it with Ctrl-C.

  AWS         ${fleet.engine.endpoint}   Step Functions, DynamoDB, Secrets Manager, STS, EKS, EventBridge
  GitLab      ${fleet.gitlab.url}   a page in the browser; REST API with PRIVATE-TOKEN glpat-local-you
  Datadog     ${fleet.datadog.url}
  Prometheus  ${fleet.prometheus.url}   and its Alertmanager; user guard, password local-prometheus
  Kubernetes  ${fleet.kubernetes.url}/clusters/NAME
  Webhook     ${fleet.engine.webhookUrl}
  Log         ${join(folder, 'guard.log')}

In another shell:

  source ${environment}
  npx guard list
  npx guard run --batch ${batch} --target-version 1.30.2
  aws stepfunctions list-executions --state-machine-arn ${fleet.engine.stateMachineArn(fleet.remote.config.aws.state_machine_name)}
  kubectl --context ${first} get helmreleases,kustomizations,pods,deployments -A`;
}
