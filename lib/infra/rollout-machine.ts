import { RemovalPolicy } from 'aws-cdk-lib';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { parse } from 'yaml';
import { TerminalError } from '../domain/errors.js';
import type { GuardFunction } from './guard-function.js';
import { accept, acceptVersions } from './nag.js';
import type { Stage } from './stage.js';

export interface RolloutMachineProps {
  readonly stateMachineName: string;
  /** Text of statemachines/rollout.asl.yaml. */
  readonly definition: string;
  /** By the names of the definition's placeholders. */
  readonly functions: Readonly<Record<string, GuardFunction>>;
  readonly stage: Stage;
}

/**
 * The state machine from its YAML file. One map makes both, what stands in for each placeholder and what may be
 * called: the version of the function as deployed now. A rollout takes days; it ends with the code and the
 * configuration that it began with, whatever is deployed meanwhile.
 */
export class RolloutMachine extends Construct {
  readonly machine: sfn.StateMachine;
  readonly handlers: readonly string[];

  constructor(scope: Construct, id: string, props: RolloutMachineProps) {
    super(scope, id);
    const { definition, functions, stage } = props;
    this.handlers = placeholdersOf(definition);
    const missing = this.handlers.filter((name) => !functions[name]);
    if (missing.length > 0) {
      throw new TerminalError(
        `The state machine calls ${missing.join(', ')}, and lambdas/ has no such handler`,
      );
    }
    const called = this.handlers.map((name) => [name, functions[name]!.lambda] as const);
    this.machine = new sfn.StateMachine(this, 'Machine', {
      stateMachineName: props.stateMachineName,
      comment: 'One rollout: an upgrade of one batch of clusters, or its rollback',
      definitionBody: sfn.DefinitionBody.fromString(JSON.stringify(parse(definition, { maxAliasCount: -1 }))),
      definitionSubstitutions: Object.fromEntries(
        called.map(([name, fn]) => [name, fn.currentVersion.functionArn]),
      ),
      stateMachineType: sfn.StateMachineType.STANDARD,
      tracingEnabled: true,
      logs: {
        destination: machineLog(this, 'Log', props.stateMachineName, stage),
        level: sfn.LogLevel.ERROR,
        includeExecutionData: false,
      },
    });
    for (const [, fn] of called) fn.grantInvoke(this.machine);
    acceptMachine(this.machine);
    for (const name of this.handlers) {
      acceptVersions(
        this.machine.role,
        functions[name]!,
        'Running executions call the versions they began with.',
      );
    }
  }
}

/** The group's prefix keeps CloudWatch's resource policy from growing over its limit with every machine. */
export function machineLog(scope: Construct, id: string, name: string, stage: Stage): logs.LogGroup {
  return new logs.LogGroup(scope, id, {
    logGroupName: `/aws/vendedlogs/states/${name}`,
    retention: stage.logRetentionDays,
    removalPolicy: stage.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  });
}

export function acceptMachine(machine: sfn.StateMachine): void {
  accept(
    machine,
    'SF1',
    'Level ERROR, without execution data: inputs hold task tokens, and the whole history stays in Step Functions.',
  );
  accept(machine.role, 'IAM5[Resource::*]', 'X-Ray and the delivery of logs have no resources.');
}

export function placeholdersOf(definition: string): string[] {
  return [...new Set([...definition.matchAll(/\$\{([A-Za-z0-9_]+)\}/g)].map((match) => match[1]!))].sort();
}
