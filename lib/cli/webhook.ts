import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Command } from 'commander';
import * as z from 'zod';
import { createSecrets, type Secrets } from '../adapters/secrets.js';
import { awsClientOptions } from '../adapters/shared/aws-client-options.js';
import { parseJson } from '../adapters/shared/http.js';
import { request } from '../adapters/shared/request.js';
import type { Config } from '../config/schema.js';
import { messageOf, UsageError } from '../domain/errors.js';
import { guarded } from './errors.js';
import { EXIT, type Io } from './io.js';
import { projectsOf, readConfig } from './remote.js';
import { table } from './table.js';

/** GitLab's project hook. `alert_status`: executable, temporarily_disabled, disabled. */
const hook = z.object({
  id: z.number(),
  url: z.string(),
  merge_requests_events: z.boolean().optional(),
  alert_status: z.string().optional(),
  disabled_until: z.string().nullish(),
});
type Hook = z.infer<typeof hook>;

const PER_PAGE = 100;

/** `guard webhook install|list`: GitLab tells GUARD about merges, in every project that GUARD writes to. */
export function register(program: Command, io: Io): void {
  const command = program.command('webhook').description("GitLab's webhooks for GUARD");
  const project = (value: string, all: string[]) => [...all, value];
  command
    .command('install')
    .description(
      'create or correct the webhook in GitLab projects, and report those that GitLab has suspended; ' +
        'needs a token of a maintainer in GITLAB_TOKEN where the bot is none',
    )
    .requiredOption('--url <url>', 'the output WebhookUrl of the stack')
    .option('--project <path>', 'a project (repeatable); default: all of the registry', project, [])
    .action((options: { url: string; project: string[] }) =>
      guarded(io, () => run(program, io, options, 'install')),
    );
  command
    .command('list')
    .description('the webhooks that lead to this address, and how they fare')
    .requiredOption('--url <url>', 'the output WebhookUrl of the stack')
    .option('--project <path>', 'a project (repeatable); default: all of the registry', project, [])
    .action((options: { url: string; project: string[] }) =>
      guarded(io, () => run(program, io, options, 'list')),
    );
}

async function run(
  program: Command,
  io: Io,
  options: { url: string; project: string[] },
  what: 'install' | 'list',
): Promise<void> {
  if (!URL.canParse(options.url) || !/^https?:/.test(options.url)) {
    throw new UsageError(`--url ${options.url}: not a web address; the stack's output WebhookUrl is one`);
  }
  const given = program.opts<{ config?: string }>();
  const config = readConfig(io, given.config);
  const secrets = createSecrets({
    client: new SecretsManagerClient(awsClientOptions({ region: config.aws.region })),
    now: Date.now,
  });
  const projects = options.project.length > 0 ? options.project : await projectsOf(io, given);
  if (projects.length === 0) throw new UsageError('no project: give --project, or import clusters first');
  const gitlab = createHooks(config, io, secrets);
  const token = what === 'install' ? await webhookToken(config, secrets) : undefined;

  const rows: string[][] = [];
  let well = true;
  for (const path of projects) {
    try {
      const { hook: found, state } = await (what === 'install'
        ? install(gitlab, path, options.url, token)
        : look(gitlab, path, options.url));
      const fine = found !== undefined && isDelivering(found);
      well &&= fine;
      rows.push([path, state, found ? delivery(found) : '-']);
    } catch (error) {
      well = false;
      rows.push([path, 'FAILED', messageOf(error)]);
    }
  }
  io.out(table(['PROJECT', 'WEBHOOK', 'DELIVERY'], rows));
  if (!well) io.exit(EXIT.failed);
}

/** The plain token. A signing token is made by GitLab itself and entered into the secret by hand. */
async function webhookToken(config: Config, secrets: Secrets): Promise<string | undefined> {
  const { text, fields } = await secrets.get(config.aws.secrets_manager.gitlab_webhook_secret);
  return Object.keys(fields).length === 0 ? text : fields.token;
}

interface Hooks {
  all(project: string): Promise<Hook[]>;
  create(project: string, body: object): Promise<Hook>;
  change(project: string, id: number, body: object): Promise<Hook>;
}

function createHooks(config: Config, io: Io, secrets: Secrets): Hooks {
  const root = `${config.gitlab.url.replace(/\/$/, '')}/api/v4/projects`;
  const name = config.aws.secrets_manager.gitlab_token_secret;
  const headers = async () => ({
    'private-token': io.env.GITLAB_TOKEN ?? (await secrets.value(name, 'token')),
    'content-type': 'application/json',
  });
  async function call(path: string, what: string, method = 'GET', body?: object): Promise<unknown> {
    const { text } = await request(
      {
        url: `${root}/${path}`,
        method,
        what,
        headers,
        ...(body ? { body: JSON.stringify(body) } : {}),
        todo: (status) =>
          [401, 403, 404].includes(status)
            ? 'Webhooks are a matter of maintainers: set GITLAB_TOKEN to the token of one, with the scope api'
            : undefined,
      },
      // A POST that timed out may have made its hook; twice would make two.
      { timeoutMs: 15_000, ...(method === 'POST' ? { retry: { attempts: 1 } } : {}) },
    );
    return parseJson(text, what);
  }
  const hooksOf = (project: string) => `${encodeURIComponent(project)}/hooks`;
  return {
    // A project has at most 100 hooks, one page.
    all: async (project) =>
      z
        .array(hook)
        .parse(await call(`${hooksOf(project)}?per_page=${PER_PAGE}`, `list the webhooks of ${project}`)),
    create: async (project, body) =>
      hook.parse(await call(hooksOf(project), `create the webhook of ${project}`, 'POST', body)),
    change: async (project, id, body) =>
      hook.parse(await call(`${hooksOf(project)}/${id}`, `change the webhook of ${project}`, 'PUT', body)),
  };
}

type Found = { hook: Hook | undefined; state: string };

async function look(hooks: Hooks, project: string, url: string): Promise<Found> {
  const found = (await hooks.all(project)).find((each) => each.url === url);
  return { hook: found, state: found ? 'there' : 'MISSING: guard webhook install creates it' };
}

/** The token is always sent: GitLab never shows it, so nobody can see whether it is the right one. */
async function install(
  hooks: Hooks,
  project: string,
  url: string,
  token: string | undefined,
): Promise<Found> {
  const body = {
    url,
    merge_requests_events: true,
    push_events: false,
    enable_ssl_verification: true,
    ...(token ? { token } : {}),
  };
  const before = (await hooks.all(project)).find((each) => each.url === url);
  if (!before) return { hook: await hooks.create(project, body), state: 'created' };
  return { hook: await hooks.change(project, before.id, body), state: 'updated' };
}

function isDelivering({ alert_status: status }: Hook): boolean {
  return status === undefined || status === 'executable';
}

function delivery(found: Hook): string {
  if (isDelivering(found)) return 'ok';
  const until = found.disabled_until ? ` until ${found.disabled_until}` : '';
  return `SUSPENDED${until} after failures: see the runbook, webhook-failing, then send a test in GitLab`;
}
