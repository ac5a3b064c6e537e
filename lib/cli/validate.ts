import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Command } from 'commander';
import { now } from '../adapters/clock.js';
import { createMetricsProvider } from '../adapters/metrics-provider.js';
import { createSecrets, type Secrets } from '../adapters/secrets.js';
import { awsClientOptions } from '../adapters/shared/aws-client-options.js';
import { createRateLimit } from '../adapters/shared/rate-limit.js';
import { request } from '../adapters/shared/request.js';
import { declaredAnalyses } from '../analysis/declared-analysis.js';
import { clusterRbacFor } from '../config/checks-rbac.js';
import { metricSecrets } from '../config/metrics-schema.js';
import type { Config } from '../config/schema.js';
import { messageOf, TerminalError } from '../domain/errors.js';
import { guarded } from './errors.js';
import { EXIT, type Io } from './io.js';
import { connect, connectRegistry, projectsOf, readConfig } from './remote.js';
import { table } from './table.js';
import { clusterProbes } from './validate-clusters.js';
import { gitlabProbes } from './validate-gitlab.js';
import { namesInRegistry } from './validate-names.js';

/** One line of the answer. A problem says what is wrong and what to do. */
interface Finding {
  readonly part: string;
  /** Undefined: it was not looked at. */
  readonly ok?: boolean;
  readonly detail: string;
}

export interface Probe {
  readonly part: string;
  /** Resolves to what was found; throws with what is wrong. */
  readonly look: () => Promise<string>;
}

const WORDS = new Map([
  [true, 'ok'],
  [false, 'FAIL'],
  [undefined, '-'],
]);
const NO_WEBHOOK = "not looked at: give --webhook-url, the stack's output WebhookUrl";

/** Looked at at the same time. */
const AT_ONCE = 8;

/** `guard validate`: what works, what does not, and what to do about it. */
export function register(program: Command, io: Io): void {
  program
    .command('validate')
    .description('the configuration; with its options also what GUARD reaches and may do; changes nothing')
    .option(
      '--check-connectivity',
      'tables, state machine, secrets, GitLab, Datadog or Prometheus, webhook address',
    )
    .option('--check-permissions', "each cluster's role, API and Kubernetes permissions")
    .option(
      '--cluster-rbac',
      'print what to apply in each cluster, for what GUARD and your checks read there',
    )
    .option('--batch <name>', 'only the clusters of this batch')
    .option('--webhook-url <url>', "the stack's output WebhookUrl")
    .action((options: Options) => guarded(io, () => validate(program, io, options)));
}

interface Options {
  readonly checkConnectivity?: boolean;
  readonly checkPermissions?: boolean;
  readonly clusterRbac?: boolean;
  readonly batch?: string;
  readonly webhookUrl?: string;
}

async function validate(program: Command, io: Io, options: Options): Promise<void> {
  const given = program.opts<{ config?: string }>();
  // A wrong configuration is the whole answer: its problems are told one a line.
  const config = readConfig(io, given.config);
  declaredAnalyses(config.checks, config.metrics.provider);
  if (options.clusterRbac) return io.out(clusterRbacFor(config.checks));
  const findings: Finding[] = [{ part: 'configuration', ok: true, detail: 'every key is known and fits' }];
  const client = new SecretsManagerClient(awsClientOptions({ region: config.aws.region }));
  const secrets = createSecrets({ client, now: Date.now });
  if (options.checkConnectivity) {
    findings.push(...(await lookAll(await connectivity(config, secrets, io, given, options.webhookUrl))));
    if (!options.webhookUrl) findings.push({ part: 'webhook', detail: NO_WEBHOOK });
  }
  if (options.checkPermissions) {
    findings.push(
      ...(await lookAll(await clusterProbes(config, secrets, connectRegistry(io, given), options.batch))),
    );
  }
  io.out(
    table(
      ['PART', '', 'WHAT'],
      findings.map(({ part, ok, detail }) => [part, WORDS.get(ok)!, detail.replaceAll('\n', ' ')]),
    ),
  );
  const bad = findings.filter(({ ok }) => ok === false).length;
  if (bad === 0) return;
  io.err(`guard: ${bad} of ${findings.filter(({ ok }) => ok !== undefined).length} do not work`);
  io.exit(EXIT.failed);
}

async function lookAll(probes: readonly Probe[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (let i = 0; i < probes.length; i += AT_ONCE) {
    const some = probes.slice(i, i + AT_ONCE).map(async ({ part, look }): Promise<Finding> => {
      try {
        return { part, ok: true, detail: await look() };
      } catch (error) {
        return { part, ok: false, detail: messageOf(error) };
      }
    });
    findings.push(...(await Promise.all(some)));
  }
  return findings;
}

async function connectivity(
  config: Config,
  secrets: Secrets,
  io: Io,
  given: { config?: string },
  webhookUrl: string | undefined,
): Promise<Probe[]> {
  const remote = () => connect(io, given);
  return [
    {
      part: 'registry',
      look: async () => `${(await connectRegistry(io, given).all()).length} clusters`,
    },
    {
      part: 'names',
      look: async () => namesInRegistry(config, await connectRegistry(io, given).all()),
    },
    {
      part: 'journal',
      look: async () => {
        await (await remote()).journal.rollout('validate/0/none/1');
        return 'can be read';
      },
    },
    {
      part: 'state machine',
      // It is found by its name on the way.
      look: async () => {
        await remote();
        return config.aws.state_machine_name;
      },
    },
    ...secretNames(config).map((name) => ({
      part: `secret ${name}`,
      look: async () => {
        await secrets.get(name);
        return 'can be read';
      },
    })),
    ...(await gitlabProbes(config, secrets, () => projectsOf(io, given))),
    {
      part: config.metrics.provider === 'datadog' ? 'Datadog' : 'Prometheus',
      look: () => lookAtMetrics(config, secrets),
    },
    ...(webhookUrl ? [{ part: 'webhook', look: () => lookAtWebhook(webhookUrl) }] : []),
  ];
}

function secretNames(config: Config): string[] {
  const { aws, rollback } = config;
  const { webhook_secret_name, slack_secret_name, pagerduty_secret_name } = rollback.notification;
  const names = [
    aws.secrets_manager.gitlab_token_secret,
    aws.secrets_manager.gitlab_webhook_secret,
    ...metricSecrets(config),
    ...(config.datadog.send_metrics ? [aws.secrets_manager.datadog_credentials_secret] : []),
    aws.external_id_secret,
    webhook_secret_name,
    slack_secret_name,
    pagerduty_secret_name,
  ];
  return [...new Set(names.filter((name) => name !== undefined))];
}

async function lookAtMetrics(config: Config, secrets: Secrets): Promise<string> {
  const rateLimit = (api: keyof Config['rate_limits']) =>
    createRateLimit({ perMinute: config.rate_limits[api] });
  await createMetricsProvider({ config, secrets, now, rateLimit }).ping();
  if (config.metrics.provider === 'datadog')
    return `both keys are good at ${config.datadog.api_url ?? config.datadog.site}`;
  const { endpoints } = config.prometheus;
  const managers = endpoints.filter(({ alertmanager }) => alertmanager).length;
  return `${endpoints.length} endpoints and ${managers} Alertmanagers answer`;
}

/** Without a token it must be refused, by the handler itself. */
async function lookAtWebhook(url: string): Promise<string> {
  const { status } = await request(
    { url, method: 'POST', body: '{}', what: `call ${url}`, accept: (each) => each === 401 },
    { timeoutMs: 10_000 },
  );
  if (status === 401) return 'answers, and refuses a call without a token';
  throw new TerminalError(
    `${url} answers ${status} to a call without a token, 401 was expected: is it GUARD's?`,
  );
}
