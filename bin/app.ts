import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App, Validations } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { AwsSolutionsChecks } from 'cdk-nag';
import { declaredAnalyses } from '../lib/analysis/declared-analysis.js';
import { parseConfig } from '../lib/config/load.js';
import type { Config } from '../lib/config/schema.js';
import { GuardError, UsageError } from '../lib/domain/errors.js';
import { bundleHandlers } from '../lib/infra/bundle.js';
import { GuardStack } from '../lib/infra/guard-stack.js';
import type { Stage } from '../lib/infra/stage.js';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));

const STAGES: Readonly<Record<string, Omit<Stage, 'name'>>> = {
  production: {
    keepData: true,
    logRetentionDays: 180,
    archiveDays: 90,
    reserveConcurrency: true,
    clusterRoleName: 'GUARD-EKSAccess*',
  },
  /** Leaves nothing behind when it is destroyed, and fits into a new account. */
  trial: {
    keepData: false,
    logRetentionDays: 14,
    archiveDays: 14,
    reserveConcurrency: false,
    clusterRoleName: 'GUARD-EKSAccess*',
  },
};

const app = new App();
try {
  await build();
} catch (error) {
  // What somebody wrote wrongly is told in lines, without our code's own.
  if (!(error instanceof GuardError)) throw error;
  process.stderr.write(`guard: ${error.message}\n`);
  process.exitCode = 1;
}

async function build(): Promise<void> {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const name = context('stage') ?? 'production';
  const settings = STAGES[name];
  if (!settings) throw new UsageError(`no stage '${name}'; there are ${Object.keys(STAGES).join(', ')}`);
  const config = readConfig(context('config') ?? 'guard.yaml');
  const bundles = await bundleHandlers(join(PROJECT, 'dist', 'lambdas'), config);

  new GuardStack(app, 'Guard', {
    description: 'GUARD: upgrades of add-ons on fleets of EKS clusters',
    env: { account: process.env.CDK_DEFAULT_ACCOUNT, region: config.aws.region },
    terminationProtection: settings.keepData,
    config,
    stage: {
      ...settings,
      name,
      alarmEmail: context('alarm-email'),
      istioctlLayerArn: context('istioctl-layer'),
      clusterRoleName: context('cluster-role') ?? settings.clusterRoleName,
    },
    definition: readFileSync(join(PROJECT, 'statemachines', 'rollout.asl.yaml'), 'utf8'),
    code: (handler) => Code.fromAsset(bundles.folders[handler]!),
  });
  app.synth();
}

function readConfig(file: string): Config {
  if (!existsSync(file)) {
    throw new UsageError(`${file}: no such configuration file; examples/guard.yaml shows one`);
  }
  const config = parseConfig(readFileSync(file, 'utf8'), file);
  declaredAnalyses(config.checks, config.metrics.provider);
  return config;
}

/** A value given with `-c key=value`, or in cdk.json. */
function context(key: string): string | undefined {
  const value: unknown = app.node.tryGetContext(key);
  return typeof value === 'string' && value !== '' ? value : undefined;
}
