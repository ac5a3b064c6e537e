import { ArnFormat, Stack } from 'aws-cdk-lib';
import type { IEventBus } from 'aws-cdk-lib/aws-events';
import { metricSecrets } from '../config/metrics-schema.js';
import { ENV } from '../config/names.js';
import type { Config } from '../config/schema.js';
import type { GuardFunction } from './guard-function.js';
import type { Need } from './handlers.js';
import type { JournalTable, RegistryTable } from './tables.js';

export interface Reachable {
  readonly config: Config;
  readonly registry: RegistryTable;
  readonly journal: JournalTable;
  readonly bus: IEventBus;
  /** A role name in the cluster accounts, with `*` where it may go on. */
  readonly clusterRoleName: string;
}

/** What each need means: permission and environment together, so that neither comes without the other. */
export const GRANTS: Readonly<Record<Need, (fn: GuardFunction, to: Reachable) => void>> = {
  'registry-read': (fn, { registry }) => registry.grantRead(fn),
  'registry-change': (fn, { registry }) => registry.grantChange(fn),
  journal: (fn, { journal }) => journal.grantReadWrite(fn),
  'journal-remove': (fn, { journal }) => journal.grantRemove(fn),
  git: (fn, { config }) => grantSecret(fn, config.aws.secrets_manager.gitlab_token_secret),
  clusters: grantClusters,
  metrics: (fn, { config }) => {
    for (const name of metricSecrets(config)) grantSecret(fn, name);
  },
  // istioctl runs inside the function, with the token that `clusters` makes.
  analyzer: () => {},
  events: (fn, { bus }) => {
    fn.allow(['events:PutEvents'], [bus.eventBusArn]);
    fn.setEnvironment(ENV.eventBus, bus.eventBusName);
  },
  'own-metrics': (fn, { config }) => {
    if (config.datadog.send_metrics) grantSecret(fn, config.aws.secrets_manager.datadog_credentials_secret);
  },
  notifier: (fn, { config }) => {
    const { webhook_secret_name, slack_secret_name, pagerduty_secret_name } = config.rollback.notification;
    for (const name of [webhook_secret_name, slack_secret_name, pagerduty_secret_name]) {
      if (name) grantSecret(fn, name);
    }
  },
  'webhook-secrets': (fn, { config }) => grantSecret(fn, config.aws.secrets_manager.gitlab_webhook_secret),
  'executions-describe': (fn, { config }) => {
    const executions = executionsArn(fn, config);
    fn.allow(['states:DescribeExecution'], [executions]);
    fn.acceptWildcard(executionsArn(fn, config, true), 'An execution is named when it starts.');
    setMachine(fn, config);
  },
  'executions-resume': (fn, { config }) => {
    fn.allow(['states:SendTaskSuccess'], [rolloutMachineArn(fn, config)]);
    setMachine(fn, config);
  },
  'executions-start': (fn, { config }) => {
    fn.allow(['states:StartExecution'], [rolloutMachineArn(fn, config)]);
    setMachine(fn, config);
  },
};

/**
 * Made from its name: the machine calls the functions and the functions call the machine, and CloudFormation knows
 * no circles.
 */
export function rolloutMachineArn(scope: GuardFunction | Stack, config: Config): string {
  return Stack.of(scope).formatArn({
    service: 'states',
    resource: 'stateMachine',
    resourceName: config.aws.state_machine_name,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

function executionsArn(fn: GuardFunction, config: Config, asNagSeesIt = false): string {
  const { partition, region, account } = Stack.of(fn);
  const parts = asNagSeesIt ? namesOf(fn) : { partition, region, account };
  return `arn:${parts.partition}:states:${parts.region}:${parts.account}:execution:${config.aws.state_machine_name}:*`;
}

/** cdk-nag writes what is not known before deployment as `<AWS::Region>`. */
function namesOf(fn: GuardFunction): { partition: string; region: string; account: string } {
  const { region, account } = Stack.of(fn);
  const known = (value: string, name: string) => (value.includes('Token[') ? `<AWS::${name}>` : value);
  return {
    partition: '<AWS::Partition>',
    region: known(region, 'Region'),
    account: known(account, 'AccountId'),
  };
}

function setMachine(fn: GuardFunction, config: Config): void {
  fn.setEnvironment(ENV.stateMachineArn, rolloutMachineArn(fn, config));
}

/** Secrets Manager puts a hyphen and six characters behind the name; a whole ARN is taken as it is. */
function grantSecret(fn: GuardFunction, name: string): void {
  const arn = name.startsWith('arn:')
    ? name
    : Stack.of(fn).formatArn({
        service: 'secretsmanager',
        resource: 'secret',
        resourceName: `${name}-??????`,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      });
  fn.allow(['secretsmanager:GetSecretValue'], [arn]);
}

/** EKS and Kubernetes are asked under the cluster's own role; GUARD's account needs no permission there. */
function grantClusters(fn: GuardFunction, { config, clusterRoleName }: Reachable): void {
  const secret = config.aws.external_id_secret;
  const role = (partition: string) => `arn:${partition}:iam::*:role/${clusterRoleName}`;
  // With a secret configured, an AssumeRole without an ExternalId is refused here already.
  fn.allow(
    ['sts:AssumeRole'],
    [role(Stack.of(fn).partition)],
    secret ? { Null: { 'sts:ExternalId': 'false' } } : undefined,
  );
  fn.acceptWildcard(
    role('<AWS::Partition>'),
    "Cluster accounts join by importing clusters into the registry, not by deploying again; each account's role " +
      'decides in its trust policy whom it lets in.',
  );
  if (secret) grantSecret(fn, secret);
}
