import {
  CreateSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { parse, stringify } from 'yaml';
import { createGitHost } from '../adapters/gitlab/git-host.js';
import { awsClientOptions } from '../adapters/shared/aws-client-options.js';
import { connect, type Remote } from '../cli/remote.js';
import { permissionsOfChecks } from '../config/checks-rbac.js';
import { permissionName } from '../config/cluster-permissions.js';
import { parseConfig } from '../config/load.js';
import { ENV } from '../config/names.js';
import type { Cluster } from '../domain/cluster.js';
import type { EngineClock } from '../local/clock.js';
import { createDiscreteClock } from '../local/discrete-clock.js';
import { type Engine, type EngineOptions, startEngine } from '../local/engine.js';
import { startTimeOf } from '../local/kept-time.js';
import type { GitHost } from '../ports/git-host.js';
import { type SimulatedChannel, startChannel } from './channel.js';
import { type SimulatedClusters, startClusters } from './clusters/index.js';
import { fileLog, memoryLog } from './command-log.js';
import { type SimulatedDatadog, startDatadog } from './datadog/index.js';
import { readTree } from './git-objects.js';
import type { SimulatedMergeRequest } from './gitlab/model.js';
import { type SimulatedGitlab, startGitlab } from './gitlab/server.js';
import { type Reaction, simulatePeople } from './people.js';
import { type SimulatedPrometheus, startPrometheus } from './prometheus/index.js';
import type { Scenario } from './scenario.js';
import type { World } from './world.js';

/** GUARD's own account, region and secrets on a laptop. None of them is worth anything elsewhere. */
export const REGION = 'us-east-1';
export const ACCOUNT = '111122223333';
const BEGINNING = Date.parse('2026-09-07T08:00:00Z');
const CHANNEL_SECRET = 'guard/notification-webhook';
const PROMETHEUS_SECRET = 'guard/prometheus';
export const LOCAL_SECRETS = {
  gitlabToken: 'glpat-local-guard',
  peopleToken: 'glpat-local-you',
  webhookToken: 'local-webhook-token',
  datadog: { api_key: 'local-api-key', app_key: 'local-app-key' },
  prometheus: { username: 'guard', password: 'local-prometheus' },
} as const;

export interface LocalFleetOptions {
  readonly clusters: readonly Cluster[];
  /** guard.yaml; addresses of the outside systems are replaced by the simulated ones. */
  readonly configText: string;
  /** Folder whose files are the GitOps tree. */
  readonly tree: string;
  readonly scenario: Scenario;
  /** Simulated reviewers merge by themselves. */
  readonly people: boolean;
  readonly react?: (request: SimulatedMergeRequest) => Reaction;
  /** The batches are not those of the configuration: its batches and their order are left out. */
  readonly ownBatches?: boolean;
  readonly dataDir?: string;
  readonly ports?: {
    aws?: number;
    gitlab?: number;
    datadog?: number;
    kubernetes?: number;
    prometheus?: number;
  };
  readonly logFile?: string;
  readonly sweepSeconds?: number;
  /** Default: the files of `lambdas/`. Tests wrap them, to end the engine between two lines. */
  readonly handlers?: EngineOptions['handlers'];
  /** Default: the files of `statemachines/`. */
  readonly machines?: EngineOptions['machines'];
  /** Names of tables, bus and machine, where they are not the usual ones: lib/config/names.ts. */
  readonly env?: EngineOptions['env'];
  /** Counts what DynamoDB would bill. */
  readonly meterTables?: boolean;
  /** The files of `lambdas/` run in so many threads of their own, beside the engine and the simulation. */
  readonly threads?: number;
}

export interface LocalFleet {
  readonly clock: EngineClock;
  readonly engine: Engine;
  readonly gitlab: SimulatedGitlab;
  readonly datadog: SimulatedDatadog;
  readonly prometheus: SimulatedPrometheus;
  readonly kubernetes: SimulatedClusters;
  /** What people were told. */
  readonly channel: SimulatedChannel;
  readonly clusters: readonly Cluster[];
  readonly configText: string;
  /** What the commands use, over the same wires. */
  readonly remote: Remote;
  readonly git: GitHost;
  stop(): Promise<void>;
}

/** The embedded engine and a simulated fleet around it: GitLab, Datadog, Prometheus, a Kubernetes API per cluster. */
export async function startLocalFleet(options: LocalFleetOptions): Promise<LocalFleet> {
  const { clusters, dataDir } = options;
  const scenario = withRightsOfChecks(options);
  const clock = createDiscreteClock({ start: (dataDir ? startTimeOf(dataDir) : undefined) ?? BEGINNING });
  const commands = dataDir ? fileLog(dataDir) : memoryLog();
  const latency = scenario.latencyMs === undefined ? {} : { latencyMs: scenario.latencyMs };
  const ends: (() => unknown)[] = [() => commands.close()];
  const stop = async () => {
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
  };
  try {
    const gitlab = await startGitlab({
      clock,
      commands,
      faults: scenario.gitlab,
      ...latency,
      port: options.ports?.gitlab,
      tokens: {
        [LOCAL_SECRETS.gitlabToken]: { username: 'guard-bot' },
        [LOCAL_SECRETS.peopleToken]: { username: 'you', role: 'maintainer' },
      },
    });
    ends.push(() => gitlab.stop());
    const files = readTree(options.tree);
    for (const handle of new Set(clusters.map((cluster) => cluster.owner_handle.replace(/^@/, ''))))
      gitlab.model.user(handle);
    for (const project of new Set(clusters.map((cluster) => cluster.gitlab_repo)))
      gitlab.model.addProject(project, files, 'main', BEGINNING);

    const world: World = { clock, scenario, fleet: clusters, git: gitlab.model.git, commands };
    let engine: Engine | undefined;
    const kubernetes = await startClusters(world, {
      identify: (accessKeyId) => engine?.identities.identify(accessKeyId),
      port: options.ports?.kubernetes,
      dataDir,
    });
    ends.push(() => kubernetes.stop());
    for (const command of commands.past) {
      if (!gitlab.replay(command)) kubernetes.replay(command);
    }
    const datadog = await startDatadog(world, kubernetes, {
      port: options.ports?.datadog,
      keys: LOCAL_SECRETS.datadog,
    });
    ends.push(() => datadog.stop());
    const prometheus = await startPrometheus(world, kubernetes, {
      port: options.ports?.prometheus,
      credentials: LOCAL_SECRETS.prometheus,
    });
    ends.push(() => prometheus.stop());

    const channel = await startChannel({ clock });
    ends.push(() => channel.stop());

    const configText = localConfig(options, {
      gitlab: gitlab.url,
      datadog: datadog.url,
      prometheus: prometheus.url,
    });
    const env = { ...options.env, [ENV.config]: configText, [ENV.logFile]: options.logFile ?? '/dev/null' };
    const started = await startEngine({
      clock,
      accounts: kubernetes.accounts,
      region: REGION,
      account: ACCOUNT,
      dataDir,
      port: options.ports?.aws,
      env,
      schedules: [{ handler: 'Sweep', everySeconds: options.sweepSeconds ?? 300 }],
      ...(options.threads ? { threads: options.threads } : {}),
      ...(options.meterTables ? { meterTables: true } : {}),
      ...(options.handlers ? { handlers: options.handlers } : {}),
      ...(options.machines ? { machines: options.machines } : {}),
      ...latency,
    });
    engine = started;
    ends.push(() => started.stop());
    await createSecrets(channel.url);
    const io = {
      out: () => undefined,
      err: () => undefined,
      exit: () => undefined,
      color: false,
      cwd: '.',
      env: { ...process.env, ...env },
    };
    const remote = await connect(io, {});
    await importClusters(remote, clusters);
    for (const project of gitlab.model.projects) {
      gitlab.model.hooks.set(project, [
        { id: 1, url: started.webhookUrl, token: LOCAL_SECRETS.webhookToken, failures: 0 },
      ]);
    }
    if (options.people) {
      const people = simulatePeople({ clock, gitlab, ...(options.react ? { react: options.react } : {}) });
      ends.push(() => people.stop());
    }
    gitlab.goLive();
    const git = createGitHost({
      url: gitlab.url,
      token: async () => LOCAL_SECRETS.gitlabToken,
      now: () => clock.now(),
    });
    return {
      clock,
      engine: started,
      gitlab,
      datadog,
      prometheus,
      kubernetes,
      channel,
      clusters,
      configText,
      remote,
      git,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The user's configuration with the addresses of the simulated systems. */
/** The clusters' administrators have applied what `guard validate --cluster-rbac` prints. */
function withRightsOfChecks({ scenario, configText }: LocalFleetOptions): Scenario {
  const rights = permissionsOfChecks(parseConfig(configText, 'guard.yaml').checks).map(permissionName);
  const alsoAllowed = [...(scenario.kubernetes?.alsoAllowed ?? []), ...rights];
  return { ...scenario, kubernetes: { ...scenario.kubernetes, alsoAllowed } };
}

function localConfig(
  { configText, ownBatches }: LocalFleetOptions,
  urls: { readonly gitlab: string; readonly datadog: string; readonly prometheus: string },
): string {
  const config = parse(configText) as Record<string, Record<string, unknown>>;
  config.gitlab = { ...config.gitlab, url: urls.gitlab };
  config.datadog = { ...config.datadog, api_url: urls.datadog };
  const endpoints = config.prometheus?.endpoints as readonly object[] | undefined;
  if (endpoints) {
    // One simulated Prometheus is all of them; its Alertmanager is at the same address.
    const service = { url: urls.prometheus, credentials_secret: PROMETHEUS_SECRET };
    config.prometheus = {
      ...config.prometheus,
      endpoints: endpoints.map((one) => ({ ...one, ...service, alertmanager: service })),
    };
  }
  const rollback = config.rollback ?? {};
  config.rollback = {
    ...rollback,
    notification: { ...(rollback.notification as object), webhook_secret_name: CHANNEL_SECRET },
  };
  config.rate_limits = { gitlab_api: 60_000, datadog_api: 60_000, prometheus_api: 60_000, aws_api: 60_000 };
  if (ownBatches) {
    delete config.batches;
    delete config.batch_order;
  }
  const text = stringify(config);
  parseConfig(text, 'guard.yaml');
  return text;
}

async function createSecrets(channelUrl: string): Promise<void> {
  const client = new SecretsManagerClient(awsClientOptions({ region: REGION }));
  const values: Record<string, string> = {
    'guard/gitlab-token': LOCAL_SECRETS.gitlabToken,
    'guard/gitlab-webhook': JSON.stringify({ token: LOCAL_SECRETS.webhookToken }),
    'guard/datadog-credentials': JSON.stringify(LOCAL_SECRETS.datadog),
    [PROMETHEUS_SECRET]: JSON.stringify(LOCAL_SECRETS.prometheus),
    [CHANNEL_SECRET]: JSON.stringify({ url: channelUrl }),
  };
  for (const [Name, SecretString] of Object.entries(values)) {
    try {
      await client.send(new CreateSecretCommand({ Name, SecretString }));
    } catch (error) {
      if ((error as Error).name !== 'ResourceExistsException') throw error;
      // Kept from an earlier start, whose addresses may have been others.
      await client.send(new PutSecretValueCommand({ SecretId: Name, SecretString }));
    }
  }
  client.destroy();
}

async function importClusters(remote: Remote, clusters: readonly Cluster[]): Promise<void> {
  const known = new Set((await remote.registry.all()).map((cluster) => cluster.cluster_id));
  await Promise.all(
    clusters
      .filter((cluster) => !known.has(cluster.cluster_id))
      .map((cluster) => remote.registry.save(cluster, 0)),
  );
}
