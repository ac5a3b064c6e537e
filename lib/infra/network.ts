import { Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import type { Config } from '../config/schema.js';

type NetworkSettings = NonNullable<Config['network']>;

/** What the handlers call over the network, as names of AWS's interface endpoints. DynamoDB has a gateway's. */
const SERVICES = ['sts', 'eks', 'secretsmanager', 'states', 'events', 'logs', 'xray'];

/** Subnets and security groups of an existing VPC, for clusters or a GitLab that are reached from there alone. */
export class Network extends Construct {
  readonly vpc: ec2.IVpc;
  readonly vpcSubnets: ec2.SubnetSelection;
  readonly securityGroups: ec2.ISecurityGroup[];

  constructor(scope: Construct, id: string, settings: NetworkSettings) {
    super(scope, id);
    this.vpc = ec2.Vpc.fromVpcAttributes(this, 'Vpc', {
      vpcId: settings.vpc_id,
      availabilityZones: settings.availability_zones,
      privateSubnetIds: settings.subnet_ids,
      ...(settings.route_table_ids ? { privateSubnetRouteTableIds: settings.route_table_ids } : {}),
    });
    this.vpcSubnets = { subnets: this.vpc.privateSubnets };
    this.securityGroups =
      settings.security_group_ids.length > 0
        ? settings.security_group_ids.map((group, index) =>
            ec2.SecurityGroup.fromSecurityGroupId(this, `Group${index}`, group, { mutable: false }),
          )
        : [this.#ownGroup()];
    if (!settings.endpoints) return;
    for (const service of SERVICES) this.#endpoint(service);
    if (settings.route_table_ids) this.#gateway(settings.route_table_ids);
  }

  #gateway(routeTables: readonly string[]): void {
    new ec2.CfnVPCEndpoint(this, 'DynamoDb', {
      vpcId: this.vpc.vpcId,
      vpcEndpointType: 'Gateway',
      serviceName: `com.amazonaws.${Stack.of(this).region}.dynamodb`,
      routeTableIds: [...new Set(routeTables)],
    });
  }

  #ownGroup(): ec2.SecurityGroup {
    return new ec2.SecurityGroup(this, 'Functions', {
      vpc: this.vpc,
      // EC2 takes no apostrophe in a description.
      description: 'Functions of GUARD: they call others and are called by nobody',
      allowAllOutbound: true,
    });
  }

  #endpoint(service: string): void {
    const group = new ec2.SecurityGroup(this, `${service}Group`, {
      vpc: this.vpc,
      description: `The endpoint of ${service}: HTTPS from the functions of GUARD`,
      allowAllOutbound: false,
    });
    for (const from of this.securityGroups) group.addIngressRule(from, ec2.Port.tcp(443));
    new ec2.InterfaceVpcEndpoint(this, `${service}Endpoint`, {
      vpc: this.vpc,
      subnets: this.vpcSubnets,
      securityGroups: [group],
      service: new ec2.InterfaceVpcEndpointAwsService(service),
      privateDnsEnabled: true,
      open: false,
    });
  }
}
