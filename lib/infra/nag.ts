import { type CfnResource, Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { GuardFunction } from './guard-function.js';

/**
 * A rule of cdk-nag that does not hold for this construct and its children, and why that is right. `id` is the
 * rule's, with the finding in brackets where the rule has findings: `IAM5[Resource::*]`.
 */
export function accept(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id: `AwsSolutions-${id}`, reason });
}

/** `grantInvoke` allows every version of a function; so says this. */
export function acceptVersions(construct: IConstruct, fn: GuardFunction, reason: string): void {
  const id = Stack.of(fn).getLogicalId(fn.lambda.node.defaultChild as CfnResource);
  accept(construct, `IAM5[Resource::<${id}.Arn>:*]`, reason);
}
