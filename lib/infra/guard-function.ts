import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { ENV, functionName } from '../config/names.js';
import { CONFIG_FILE } from './bundle.js';
import type { HandlerSettings } from './handlers.js';
import { accept } from './nag.js';
import type { Network } from './network.js';
import type { Stage } from './stage.js';

export interface GuardFunctionProps {
  readonly settings: HandlerSettings;
  readonly stage: Stage;
  readonly code: lambda.Code;
  readonly network?: Network;
}

/** Where Lambda unpacks a function's package. */
const PACKAGE = '/var/task';

/**
 * One handler: its function, its own role with nothing in it but what `allow` puts there, its log. The construct's
 * id is the handler's name in the state machine.
 */
export class GuardFunction extends Construct {
  readonly lambda: lambda.Function;
  readonly logGroup: logs.LogGroup;
  readonly #role: iam.Role;

  constructor(scope: Construct, id: string, { settings, stage, code, network }: GuardFunctionProps) {
    super(scope, id);
    const name = functionName(id);
    this.logGroup = new logs.LogGroup(this, 'Log', {
      logGroupName: `/aws/lambda/${name}`,
      retention: stage.logRetentionDays,
      removalPolicy: stage.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    this.#role = new iam.Role(this, 'Role', {
      description: `What the function ${name} may do`,
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
    });
    this.logGroup.grantWrite(this.#role);
    accept(this.#role, 'IAM5[Resource::*]', 'X-Ray has no resources, and network interfaces no names yet.');
    if (network) this.#allowNetworkInterfaces();
    this.lambda = new lambda.Function(this, 'Function', {
      functionName: name,
      description: settings.reason,
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      handler: 'index.handler',
      code,
      role: this.#role,
      logGroup: this.logGroup,
      memorySize: settings.memoryMb,
      timeout: Duration.seconds(settings.timeoutSeconds),
      tracing: lambda.Tracing.ACTIVE,
      ...(settings.concurrency && stage.reserveConcurrency
        ? { reservedConcurrentExecutions: settings.concurrency.most }
        : {}),
      environment: {
        [ENV.configFile]: `${PACKAGE}/${CONFIG_FILE}`,
        NODE_OPTIONS: '--enable-source-maps',
      },
      ...(network ? networkProps(network) : {}),
      // Rollouts that run keep the version that they began with, over any number of deployments.
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN },
    });
  }

  /** @param resources ARNs; never a bare wildcard */
  allow(actions: readonly string[], resources: readonly string[], conditions?: iam.Conditions): void {
    this.#role.addToPrincipalPolicy(
      new iam.PolicyStatement({
        actions: [...actions],
        resources: [...resources],
        ...(conditions ? { conditions } : {}),
      }),
    );
  }

  setEnvironment(name: string, value: string): void {
    this.lambda.addEnvironment(name, value);
  }

  /** Says why a resource with a wildcard inside cannot be named more exactly. */
  acceptWildcard(resource: string, reason: string): void {
    accept(this.#role, `IAM5[Resource::${resource}]`, reason);
  }

  #allowNetworkInterfaces(): void {
    this.#role.addToPrincipalPolicy(
      new iam.PolicyStatement({
        actions: [
          'ec2:CreateNetworkInterface',
          'ec2:DescribeNetworkInterfaces',
          'ec2:DescribeSubnets',
          'ec2:DeleteNetworkInterface',
          'ec2:AssignPrivateIpAddresses',
          'ec2:UnassignPrivateIpAddresses',
        ],
        resources: ['*'],
      }),
    );
  }
}

function networkProps({ vpc, vpcSubnets, securityGroups }: Network): {
  vpc: ec2.IVpc;
  vpcSubnets: ec2.SubnetSelection;
  securityGroups: ec2.ISecurityGroup[];
} {
  return { vpc, vpcSubnets, securityGroups };
}
