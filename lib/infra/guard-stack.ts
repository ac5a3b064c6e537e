import { Annotations, CfnOutput, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { Config } from '../config/schema.js';
import { TerminalError } from '../domain/errors.js';
import { Alerts } from './alerts.js';
import { EventLog } from './event-log.js';
import { GuardBus } from './guard-bus.js';
import { GuardFunction } from './guard-function.js';
import { HANDLERS } from './handlers.js';
import { Monitoring } from './monitoring.js';
import { Network } from './network.js';
import { GRANTS, type Reachable, rolloutMachineArn } from './permissions.js';
import { RolloutMachine } from './rollout-machine.js';
import { Schedules } from './schedules.js';
import type { Stage } from './stage.js';
import { JournalTable, RegistryTable } from './tables.js';
import { WebhookApi } from './webhook-api.js';

export interface GuardStackProps extends StackProps {
  readonly config: Config;
  readonly stage: Stage;
  /** Text of statemachines/rollout.asl.yaml. */
  readonly definition: string;
  /** The package of a handler, by its name in the state machine. */
  readonly code: (handler: string) => lambda.Code;
}

/** The whole of GUARD in one account and region. */
export class GuardStack extends Stack {
  readonly functions: Readonly<Record<string, GuardFunction>>;
  readonly rollouts: RolloutMachine;

  constructor(scope: Construct, id: string, { config, stage, definition, code, ...props }: GuardStackProps) {
    super(scope, id, props);
    this.#judge(config);
    const { aws } = config;
    Tags.of(this).add('guard:stage', stage.name);

    const alerts = new Alerts(this, 'Alerts', { stage });
    const tables = { stage, alerts };
    const registry = new RegistryTable(this, 'Registry', { tableName: aws.dynamodb.table_name, ...tables });
    const journal = new JournalTable(this, 'Journal', {
      tableName: aws.dynamodb.journal_table_name,
      ...tables,
    });
    const bus = new GuardBus(this, 'Events', { name: aws.event_bus_name, stage });
    const network = config.network ? new Network(this, 'Network', config.network) : undefined;

    this.functions = Object.fromEntries(
      Object.entries(HANDLERS).map(([name, settings]) => [
        name,
        new GuardFunction(this, name, { settings, stage, network, code: code(name) }),
      ]),
    );
    const { clusterRoleName } = stage;
    this.#grant({ config, registry, journal, bus: bus.bus, clusterRoleName });
    this.#addIstioctl(stage);

    this.rollouts = new RolloutMachine(this, 'Rollouts', {
      stateMachineName: aws.state_machine_name,
      definition,
      functions: this.functions,
      stage,
    });
    bus.connect({ stateMachineArn: rolloutMachineArn(this, config), functions: this.functions, alerts });
    new EventLog(this, 'EventLog', { bus: bus.bus, stage, alerts });
    new Schedules(this, 'Schedules', {
      sweep: this.functions.Sweep!,
      rollouts: this.rollouts.machine,
      waves: config.schedules,
      stage,
      alerts,
    });
    const webhooks = new WebhookApi(this, 'Webhooks', {
      handler: this.functions.GitlabWebhook!,
      stage,
      alerts,
    });
    new Monitoring(this, 'Monitoring', {
      alerts,
      rollouts: this.rollouts.machine,
      functions: this.functions,
      registryTableName: aws.dynamodb.table_name,
    });

    new CfnOutput(this, 'WebhookUrl', { value: webhooks.url, description: 'For guard webhook install' });
    new CfnOutput(this, 'StateMachineArn', { value: this.rollouts.machine.stateMachineArn });
    new CfnOutput(this, 'AlertsTopic', { value: alerts.topic.topicArn });
  }

  #grant(to: Reachable): void {
    for (const [name, fn] of Object.entries(this.functions)) {
      for (const need of HANDLERS[name]!.needs) GRANTS[need](fn, to);
    }
  }

  #addIstioctl({ istioctlLayerArn }: Stage): void {
    if (!istioctlLayerArn) return;
    const layer = lambda.LayerVersion.fromLayerVersionArn(this, 'Istioctl', istioctlLayerArn);
    this.functions.CheckCluster!.lambda.addLayers(layer);
  }

  /** What a configuration may say to the handlers and cannot mean for an installation. */
  #judge({ aws, gitlab }: Config): void {
    if (aws.dynamodb.region && aws.dynamodb.region !== aws.region) {
      throw new TerminalError(
        `aws.dynamodb.region is ${aws.dynamodb.region} and aws.region is ${aws.region}: the tables are created in the ` +
          'region of the stack, so make both the same, or leave aws.dynamodb.region out',
      );
    }
    const warn = (id: string, text: string) => Annotations.of(this).addWarningV2(`guard:${id}`, text);
    if (!aws.external_id_secret) {
      warn(
        'external-id',
        'aws.external_id_secret is not set: cluster roles are assumed without an ExternalId',
      );
    }
    if (new URL(gitlab.url).hostname.endsWith('example.com')) {
      warn('example', 'this is the example configuration: give your own with -c config=guard.yaml');
    }
  }
}
