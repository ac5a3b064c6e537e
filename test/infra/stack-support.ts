import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { parseConfig } from '../../lib/config/load.js';
import type { Config } from '../../lib/config/schema.js';
import { GuardStack } from '../../lib/infra/guard-stack.js';
import type { Stage } from '../../lib/infra/stage.js';

export const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
export const DEFINITION = readFileSync(join(PROJECT, 'statemachines/rollout.asl.yaml'), 'utf8');

export const PRODUCTION: Stage = {
  name: 'production',
  keepData: true,
  logRetentionDays: 180,
  archiveDays: 90,
  reserveConcurrency: true,
  clusterRoleName: 'GUARD-EKSAccess*',
};
export const TRIAL: Stage = { ...PRODUCTION, name: 'trial', keepData: false, reserveConcurrency: false };

export interface Resource {
  readonly Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: CloudFormation properties, one shape for each type
  readonly Properties: any;
  readonly DeletionPolicy?: string;
}

/** Defaults, the ExternalId, a wave, a channel of each kind. */
export function testConfig(change: (config: Config) => void = () => {}): Config {
  const config = parseConfig('gitlab: { url: https://gitlab.test }', 'guard.yaml');
  config.aws.external_id_secret = 'guard/external-id';
  config.rollback.notification = {
    enabled: true,
    webhook_secret_name: 'guard/notification-webhook',
    slack_secret_name: 'guard/slack',
    pagerduty_secret_name: 'guard/pagerduty-key',
  };
  config.schedules = [
    {
      name: 'test-weekly',
      target: 'istio',
      version: '1.30.2',
      batch: 'test',
      cron: '0 6 ? * TUE *',
      time_zone: 'Europe/Berlin',
      window_minutes: 15,
      enabled: true,
    },
  ];
  change(config);
  return config;
}

/** A stack with code of one line instead of bundles. */
export function stackOf(options: { config?: Config; stage?: Stage; definition?: string } = {}): {
  app: App;
  stack: GuardStack;
} {
  const { context } = JSON.parse(readFileSync(join(PROJECT, 'cdk.json'), 'utf8'));
  const app = new App({ context, builtinCloudFormationValidation: false });
  const stack = new GuardStack(app, 'Guard', {
    env: { region: 'us-east-1' },
    config: options.config ?? testConfig(),
    stage: options.stage ?? PRODUCTION,
    definition: options.definition ?? DEFINITION,
    code: () => Code.fromInline('exports.handler = async () => {};'),
  });
  return { app, stack };
}

export function templateOf(stack: GuardStack): { template: Template; resources: Record<string, Resource> } {
  const template = Template.fromStack(stack);
  return { template, resources: template.toJSON().Resources as Record<string, Resource> };
}

/** `[logical id, properties, resource]` of every resource of a type. */
export function ofType(
  resources: Record<string, Resource>,
  type: string,
): [string, Resource['Properties'], Resource][] {
  return Object.entries(resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([id, resource]) => [id, resource.Properties, resource]);
}

export interface Statement {
  /** Logical id of the policy. */
  readonly policy: string;
  readonly actions: string[];
  /** As JSON text where they are not plain. */
  readonly resources: string[];
  readonly condition?: unknown;
}

/** Every statement of every identity policy, one form for all. */
export function statementsOf(resources: Record<string, Resource>): Statement[] {
  return ofType(resources, 'AWS::IAM::Policy').flatMap(([policy, { PolicyDocument }]) =>
    PolicyDocument.Statement.map((statement: Record<string, unknown>) => ({
      policy,
      actions: [statement.Action].flat() as string[],
      resources: [statement.Resource].flat().map((each) => textOf(each)),
      ...(statement.Condition ? { condition: statement.Condition } : {}),
    })),
  );
}

/** What CloudFormation would make of a Join, with `<Name>` for what is only known at deployment. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const { Ref, 'Fn::Join': join, 'Fn::GetAtt': att } = value as Record<string, unknown>;
  if (typeof Ref === 'string') return `<${Ref}>`;
  if (Array.isArray(att)) return `<${att.join('.')}>`;
  if (Array.isArray(join)) return (join[1] as unknown[]).map(textOf).join(join[0] as string);
  return JSON.stringify(value);
}
