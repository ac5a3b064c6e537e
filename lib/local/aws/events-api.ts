import { AwsError } from '../executions.js';
import type { EventBuses } from './event-bus.js';
import { type Input, invalid, type JsonService, optionalText } from './protocol.js';

const MOST_ENTRIES = 10;
const MOST_BYTES = 262_144;

/** EventBridge's wire: PutEvents with a failure per entry, and enough to look at buses and rules. */
export function createEventsApi(options: {
  buses: EventBuses;
  region: string;
  account: string;
}): JsonService {
  const { buses } = options;

  function putEntry(entry: Input): { EventId: string } | { ErrorCode: string; ErrorMessage: string } {
    const refuse = (ErrorCode: string, ErrorMessage: string) => ({ ErrorCode, ErrorMessage });
    const source = optionalText(entry, 'Source');
    const type = optionalText(entry, 'DetailType');
    const bus = busName(optionalText(entry, 'EventBusName'));
    for (const [name, value] of [
      ['Source', source],
      ['DetailType', type],
      ['Detail', entry.Detail],
    ]) {
      if (typeof value !== 'string' || value === '') {
        return refuse(
          'InvalidArgument',
          `Parameter ${name} is not valid. Reason: ${name} is a required argument.`,
        );
      }
    }
    if (source!.startsWith('aws.'))
      return refuse('NotAuthorizedForSourceException', 'Not authorized for the source.');
    // AWS would take the event and lose it; a bus misspelt is better found here.
    if (!buses.names.includes(bus))
      return refuse('ResourceNotFoundException', `Event bus ${bus} does not exist.`);
    const detail = jsonObject(entry.Detail as string);
    if (detail === undefined) return refuse('MalformedDetail', 'Detail is malformed.');
    const time = typeof entry.Time === 'number' ? { time: isoSeconds(entry.Time) } : {};
    const resources = Array.isArray(entry.Resources) ? { resources: entry.Resources.map(String) } : {};
    const event = buses.publish(bus, {
      source: source!,
      'detail-type': type!,
      detail,
      ...time,
      ...resources,
    });
    return { EventId: event.id };
  }

  function putEvents(input: Input) {
    const entries = Array.isArray(input.Entries) ? (input.Entries as Input[]) : [];
    if (entries.length < 1 || entries.length > MOST_ENTRIES) {
      throw invalid(
        `1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and ${MOST_ENTRIES}`,
      );
    }
    if (Buffer.byteLength(JSON.stringify(entries)) > MOST_BYTES) {
      throw invalid('Total size of the entries in the request is over the limit.');
    }
    const results = entries.map(putEntry);
    return {
      FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length,
      Entries: results,
    };
  }

  function known(input: Input, field: string): string {
    const bus = busName(optionalText(input, field));
    if (!buses.names.includes(bus)) {
      throw new AwsError('ResourceNotFoundException', `Event bus ${bus} does not exist.`);
    }
    return bus;
  }

  const arn = (kind: string, name: string) =>
    `arn:aws:events:${options.region}:${options.account}:${kind}/${name}`;
  return {
    target: 'AWSEvents',
    version: '1.1',
    operations: {
      PutEvents: putEvents,
      DescribeEventBus: (input) => {
        const bus = known(input, 'Name');
        return { Name: bus, Arn: arn('event-bus', bus) };
      },
      ListRules: (input) => {
        const bus = known(input, 'EventBusName');
        const prefix = optionalText(input, 'NamePrefix') ?? '';
        const rules = buses.rules(bus).filter((rule) => rule.name.startsWith(prefix));
        return {
          Rules: rules.map((rule) => ({
            Name: rule.name,
            Arn: arn('rule', bus === 'default' ? rule.name : `${bus}/${rule.name}`),
            Description: rule.description,
            EventPattern: JSON.stringify(rule.pattern),
            State: 'ENABLED',
            EventBusName: bus,
          })),
        };
      },
    },
  };
}

/** A bus may be named by its ARN too. */
function busName(given: string | undefined): string {
  if (given === undefined) return 'default';
  return given.startsWith('arn:') ? given.slice(given.indexOf('/') + 1) : given;
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = value !== null && typeof value === 'object' && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isoSeconds(epochSeconds: number): string {
  return `${new Date(epochSeconds * 1000).toISOString().slice(0, 19)}Z`;
}
