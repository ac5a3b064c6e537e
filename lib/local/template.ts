import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ENV, handlerName } from '../config/names.js';
import { messageOf, UsageError } from '../domain/errors.js';
import { type Handler, type HandlerSource, loadHandler } from './functions.js';
import { createResolver, type Resource } from './template-values.js';

/** What a synthesized template deploys, for the embedded engine. */
export interface Deployed {
  /** The functions' bundles, each in the environment that it has in the template. */
  readonly handlers: Readonly<Record<string, HandlerSource>>;
  /** By name; the small Express machine that schedules start is none of a rollout's. */
  readonly machines: Readonly<Record<string, unknown>>;
  /** Names of tables, bus and machine, for whoever is not a function of the template. */
  readonly env: Readonly<Record<string, string>>;
  /** The configuration inside the bundles, for this machine: its region and secrets are the engine's. */
  readonly configText: string;
}

interface Place {
  readonly account: string;
  readonly region: string;
}

/** What a function is told by the template; the rest of the environment (its configuration, its log) is local. */
const TOLD = [ENV.registryTable, ENV.journalTable, ENV.eventBus, ENV.stateMachineArn];

/**
 * Reads `cdk.out/….template.json`, with the assets beside it.
 *
 * @throws UsageError naming what the file lacks: it is no template, an asset, a value that cannot be known here
 */
export function readTemplate(file: string, place: Place): Deployed {
  const resources = resourcesOf(file);
  const functions = Object.values(resources).filter(({ Type }) => Type === 'AWS::Lambda::Function');
  if (functions.length === 0)
    throw new UsageError(`${file}: no functions in it; give the template that npx cdk synth has written`);
  const packages = functions.map((fn) => ({ fn, folder: assetOf(file, fn) }));
  const config = configOf(file, packages[0]!);
  const resolveValue = createResolver(file, resources, { ...place, deployedRegion: config.region });

  const handlers: Record<string, HandlerSource> = {};
  const env: Record<string, string> = {};
  for (const { fn, folder } of packages) {
    const name = handlerName(String(fn.Properties.FunctionName).replace(/^guard-/, ''));
    const own = Object.fromEntries(
      Object.entries(variablesOf(fn))
        .filter(([variable]) => (TOLD as string[]).includes(variable))
        .map(([variable, value]) => [variable, resolveValue(value)]),
    );
    Object.assign(env, own);
    const module = join(folder, `${String(fn.Properties.Handler).replace(/\.handler$/, '')}.mjs`);
    handlers[name] = { load: async () => within(own, await loadHandler(module)) };
  }
  const machines = Object.fromEntries(
    Object.values(resources)
      .filter(({ Type, Properties }) => Type === MACHINE && Properties.StateMachineType !== 'EXPRESS')
      .map(({ Properties }) => [
        resolveValue(Properties.StateMachineName),
        definitionOf(file, Properties, resolveValue),
      ]),
  );
  return { handlers, machines, env, configText: localText(config.value, place.region) };
}

const MACHINE = 'AWS::StepFunctions::StateMachine';

function resourcesOf(file: string): Record<string, Resource> {
  if (!existsSync(file)) throw new UsageError(`${file}: no such template; npx cdk synth writes it`);
  try {
    return (
      (JSON.parse(readFileSync(file, 'utf8')) as { Resources?: Record<string, Resource> }).Resources ?? {}
    );
  } catch (error) {
    throw new UsageError(`${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** The folder that the function's package is made of. */
function assetOf(file: string, fn: Resource): string {
  const key = fn.Properties.Code?.S3Key;
  const asset =
    fn.Metadata?.['aws:asset:path'] ?? (typeof key === 'string' ? `asset.${key.replace(/\.zip$/, '')}` : '');
  const folder = join(dirname(file), asset);
  if (asset === '' || !existsSync(folder)) {
    throw new UsageError(
      `${file}: the package of ${fn.Properties.FunctionName} (${asset || 'code inline'}) is not beside it; run npx cdk synth again`,
    );
  }
  return folder;
}

interface DeployedConfig {
  // biome-ignore lint/suspicious/noExplicitAny: a configuration that was checked when it was bundled
  readonly value: any;
  readonly region: string;
}

function configOf(file: string, { fn, folder }: { fn: Resource; folder: string }): DeployedConfig {
  const path = join(folder, basename(String(variablesOf(fn)[ENV.configFile] ?? '')));
  try {
    const value = JSON.parse(readFileSync(path, 'utf8'));
    return { value, region: String(value.aws.region) };
  } catch (error) {
    throw new UsageError(`${file}: no configuration in ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Secrets have the engine's own names and values; nobody is to be told of a rehearsal. */
function localText(config: DeployedConfig['value'], region: string): string {
  const { secrets_manager: _, external_id_secret: __, ...aws } = config.aws;
  const { region: ___, ...dynamodb } = aws.dynamodb;
  const { notification } = config.rollback;
  return JSON.stringify({
    ...config,
    aws: { ...aws, region, dynamodb },
    rollback: { ...config.rollback, notification: { enabled: notification.enabled } },
  });
}

function variablesOf(fn: Resource): Record<string, unknown> {
  return fn.Properties.Environment?.Variables ?? {};
}

function definitionOf(
  file: string,
  properties: Resource['Properties'],
  resolveValue: (value: unknown) => string,
): unknown {
  const given = properties.DefinitionSubstitutions ?? {};
  const text = resolveValue(properties.DefinitionString).replace(
    /\$\{([A-Za-z0-9_]+)\}/g,
    (placeholder, name: string) => {
      if (!(name in given)) throw new UsageError(`${file}: nothing stands in for ${placeholder}`);
      return resolveValue(given[name]);
    },
  );
  return JSON.parse(text);
}

/**
 * A function sees what the template tells it and nothing that it tells others. Handlers read the environment at the
 * beginning of a call, before they wait for anything, so it is given for that moment.
 */
function within(own: Readonly<Record<string, string>>, handler: Handler): Handler {
  return (event, context) => {
    const before = TOLD.map((name) => [name, process.env[name]] as const);
    for (const name of TOLD) put(name, own[name]);
    try {
      return handler(event, context);
    } finally {
      for (const [name, value] of before) put(name, value);
    }
  };
}

function put(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
