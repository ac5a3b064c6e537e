import { UsageError } from '../domain/errors.js';

export interface Resource {
  readonly Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: CloudFormation properties, one shape for each type
  readonly Properties: any;
  readonly Metadata?: Readonly<Record<string, string>>;
}

/** The property that `Ref` gives, by type; of what functions and machines of this project refer to. */
const NAMES: Readonly<Record<string, string>> = {
  'AWS::DynamoDB::GlobalTable': 'TableName',
  'AWS::DynamoDB::Table': 'TableName',
  'AWS::Events::EventBus': 'Name',
  'AWS::Lambda::Function': 'FunctionName',
};

/**
 * CloudFormation's functions as far as names need them: Ref, Fn::Join, and what stands for account, region and
 * partition. Anything else is refused by name: a guess would be tried here and something else deployed.
 */
export function createResolver(
  file: string,
  resources: Readonly<Record<string, Resource>>,
  place: { account: string; region: string; deployedRegion: string },
): (value: unknown) => string {
  const pseudo: Readonly<Record<string, string>> = {
    'AWS::AccountId': place.account,
    'AWS::Region': place.region,
    'AWS::Partition': 'aws',
  };

  function resolve(value: unknown): string {
    if (typeof value === 'string') return value.replaceAll(`:${place.deployedRegion}:`, `:${place.region}:`);
    const { Ref, 'Fn::Join': join } = (value ?? {}) as Record<string, unknown>;
    // Only what is joined shows an ARN whose region is a part of it.
    if (Array.isArray(join)) return resolve((join[1] as unknown[]).map(resolve).join(String(join[0])));
    if (typeof Ref === 'string') return referred(Ref);
    throw new UsageError(`${file}: cannot tell on this machine what ${JSON.stringify(value)} will be`);
  }

  function referred(id: string): string {
    if (Object.hasOwn(pseudo, id)) return pseudo[id]!;
    const { Type, Properties } = resources[id] ?? { Type: 'nothing', Properties: {} };
    if (Type === 'AWS::Lambda::Version') {
      const name = resolve(Properties.FunctionName);
      return `arn:aws:lambda:${place.region}:${place.account}:function:${name}:1`;
    }
    const property = NAMES[Type];
    if (property === undefined)
      throw new UsageError(
        `${file}: cannot tell on this machine what a reference to ${id} (${Type}) will be`,
      );
    return resolve(Properties[property]);
  }
  return resolve;
}
