import { randomUUID } from 'node:crypto';
import { AwsError } from '../executions.js';
import { openDurableMap } from './durable-map.js';
import {
  afterOf,
  type Input,
  invalid,
  type JsonService,
  optionalText,
  pageToken,
  seconds,
  text,
  wholeNumber,
} from './protocol.js';

interface Secret {
  readonly name: string;
  readonly arn: string;
  readonly description?: string;
  readonly created: number;
  readonly changed: number;
  /** Newest last; AWSCURRENT is on one, AWSPREVIOUS on at most one. */
  readonly versions: readonly Version[];
}

interface Version {
  readonly id: string;
  readonly stages: readonly string[];
  readonly created: number;
  readonly string?: string;
  /** base64, as it travels */
  readonly binary?: string;
}

const MAX_BYTES = 65_536;

/** Secrets Manager. With `file` the secrets stay, in a file that only its owner can read. */
export function createSecretsManager(options: {
  now: () => number;
  region: string;
  account: string;
  file?: string;
}): { service: JsonService; close: () => void } {
  const secrets = openDurableMap<Secret>(options.file);

  function find(input: Input): Secret {
    const id = text(input, 'SecretId');
    const found = secrets.get(id) ?? secrets.entries().find(([, secret]) => secret.arn === id)?.[1];
    if (found === undefined) {
      throw new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
    }
    return found;
  }

  function create(input: Input) {
    const name = text(input, 'Name');
    if (!/^[\w/+=.@-]{1,512}$/.test(name)) throw invalid(`'${name}' is not a secret's name`);
    const given = content(input);
    const before = secrets.get(name);
    if (before !== undefined) {
      const same = before.versions.find((version) => version.id === input.ClientRequestToken);
      if (same === undefined || !sameContent(same, given)) {
        throw new AwsError(
          'ResourceExistsException',
          `The operation failed because the secret ${name} already exists.`,
        );
      }
      return { ARN: before.arn, Name: name, VersionId: same.id };
    }
    const now = options.now();
    const version = given === undefined ? undefined : newVersion(input, given, now);
    const secret: Secret = {
      name,
      arn: `arn:aws:secretsmanager:${options.region}:${options.account}:secret:${name}-${randomUUID().slice(0, 6)}`,
      description: optionalText(input, 'Description'),
      created: now,
      changed: now,
      versions: version === undefined ? [] : [version],
    };
    secrets.set(name, secret);
    return { ARN: secret.arn, Name: name, VersionId: version?.id };
  }

  function put(input: Input) {
    const secret = find(input);
    const given = content(input);
    if (given === undefined) {
      throw new AwsError('InvalidRequestException', 'You must provide either SecretString or SecretBinary.');
    }
    const same = secret.versions.find((version) => version.id === input.ClientRequestToken);
    if (same !== undefined) {
      if (sameContent(same, given)) {
        return { ARN: secret.arn, Name: secret.name, VersionId: same.id, VersionStages: same.stages };
      }
      throw new AwsError('ResourceExistsException', 'A version with this ClientRequestToken already exists.');
    }
    const version = newVersion(input, given, options.now());
    const previous = secret.versions
      .filter((each) => each.stages.includes('AWSCURRENT'))
      .map((each) => ({ ...each, stages: ['AWSPREVIOUS'] }));
    secrets.set(secret.name, { ...secret, changed: version.created, versions: [...previous, version] });
    return { ARN: secret.arn, Name: secret.name, VersionId: version.id, VersionStages: version.stages };
  }

  function value(input: Input) {
    const secret = find(input);
    const id = optionalText(input, 'VersionId');
    const stage = optionalText(input, 'VersionStage') ?? (id === undefined ? 'AWSCURRENT' : undefined);
    const version = secret.versions.find(
      (each) => (id === undefined || each.id === id) && (stage === undefined || each.stages.includes(stage)),
    );
    if (version === undefined) {
      throw new AwsError(
        'ResourceNotFoundException',
        `Secrets Manager can't find the specified secret value for ${id === undefined ? `staging label: ${stage}` : `VersionId: ${id}`}`,
      );
    }
    return {
      ARN: secret.arn,
      Name: secret.name,
      VersionId: version.id,
      SecretString: version.string,
      SecretBinary: version.binary,
      VersionStages: version.stages,
      CreatedDate: seconds(version.created),
    };
  }

  function list(input: Input) {
    if (Array.isArray(input.Filters) && input.Filters.length > 0) {
      throw new AwsError('InvalidParameterException', 'The embedded engine does not filter ListSecrets');
    }
    const size = wholeNumber(input, 'MaxResults', 100, 1, 100);
    const after = afterOf(optionalText(input, 'NextToken'));
    const rest = secrets
      .entries()
      .map(([, secret]) => secret)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .filter((secret) => after === undefined || secret.name > after);
    const shown = rest.slice(0, size);
    return {
      SecretList: shown.map((secret) => ({ ...facts(secret), SecretVersionsToStages: stagesOf(secret) })),
      NextToken: rest.length > size ? pageToken(shown.at(-1)!.name) : undefined,
    };
  }

  return {
    service: {
      target: 'secretsmanager',
      version: '1.1',
      operations: {
        CreateSecret: create,
        PutSecretValue: put,
        GetSecretValue: value,
        DescribeSecret: (input) => {
          const secret = find(input);
          return { ...facts(secret), VersionIdsToStages: stagesOf(secret) };
        },
        ListSecrets: list,
      },
    },
    close: secrets.close,
  };
}

type Content = Pick<Version, 'string' | 'binary'>;

function content(input: Input): Content | undefined {
  const string = optionalText(input, 'SecretString');
  const binary = optionalText(input, 'SecretBinary');
  if (string !== undefined && binary !== undefined) {
    throw new AwsError(
      'InvalidParameterException',
      'You must provide either SecretString or SecretBinary, not both.',
    );
  }
  const bytes = string !== undefined ? Buffer.byteLength(string) : Buffer.byteLength(binary ?? '', 'base64');
  if (bytes > MAX_BYTES) throw invalid(`The secret's value is larger than ${MAX_BYTES} bytes`);
  if (string !== undefined) return { string };
  return binary === undefined ? undefined : { binary };
}

function sameContent(version: Version, given: Content | undefined): boolean {
  return version.string === given?.string && version.binary === given?.binary;
}

/** The SDKs send a token with every create and put; it becomes the version's id, so a retry is no new version. */
function newVersion(input: Input, given: Content, now: number): Version {
  const id = optionalText(input, 'ClientRequestToken') ?? randomUUID();
  return { id, stages: ['AWSCURRENT'], created: now, ...given };
}

function facts(secret: Secret) {
  return {
    ARN: secret.arn,
    Name: secret.name,
    Description: secret.description,
    CreatedDate: seconds(secret.created),
    LastChangedDate: seconds(secret.changed),
  };
}

function stagesOf(secret: Secret): Record<string, readonly string[]> {
  return Object.fromEntries(secret.versions.map((version) => [version.id, version.stages]));
}
