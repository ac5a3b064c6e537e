import { describe, expect, it } from '@jest/globals';
import { eventRules } from '../../lib/config/event-rules.js';
import { DEFAULT_NAMES, functionName, handlerName } from '../../lib/config/names.js';
import { configSchema } from '../../lib/config/schema.js';
import { EVENT_SOURCE, EVENT_TYPES } from '../../lib/ports/events.js';

describe('eventRules', () => {
  const own = eventRules('arn:machine').filter((rule) => rule.bus === 'guard');

  it('matches only events that GUARD publishes', () => {
    expect(own.length).toBeGreaterThan(0);
    for (const rule of own) {
      expect(rule.pattern.source).toEqual([EVENT_SOURCE]);
      const types = rule.pattern['detail-type'] as string[];
      expect(Object.values(EVENT_TYPES)).toEqual(expect.arrayContaining(types));
    }
  });

  it('brings what needs an answer to a handler', () => {
    const handlers = own.map((rule) => [(rule.pattern['detail-type'] as string[])[0], rule.handler]);
    expect(Object.fromEntries(handlers)).toEqual({
      [EVENT_TYPES.mergeRequestChanged]: 'Resume',
      [EVENT_TYPES.gateOpened]: 'Notify',
      [EVENT_TYPES.rolloutChanged]: 'Notify',
      [EVENT_TYPES.rolloutEnded]: 'Notify',
    });
  });

  it('sweeps after executions of the rollout machine that did not end by themselves', () => {
    const swept = eventRules('arn:machine').find((rule) => rule.bus === 'default');
    expect(swept).toMatchObject({
      handler: 'Sweep',
      pattern: {
        source: ['aws.states'],
        detail: { stateMachineArn: ['arn:machine'], status: ['FAILED', 'TIMED_OUT', 'ABORTED'] },
      },
    });
  });
});

describe('names', () => {
  it('turns a file into a handler and a handler into a function', () => {
    expect(handlerName('check-cluster')).toBe('CheckCluster');
    expect(functionName('CheckCluster')).toBe('guard-check-cluster');
    expect(functionName(handlerName('sweep'))).toBe('guard-sweep');
  });

  it('has the defaults of the configuration', () => {
    const { aws } = configSchema.parse({ gitlab: { url: 'https://gitlab.example.com' } });
    expect(DEFAULT_NAMES).toEqual({
      registryTable: aws.dynamodb.table_name,
      journalTable: aws.dynamodb.journal_table_name,
      eventBus: aws.event_bus_name,
      rolloutMachine: aws.state_machine_name,
    });
  });
});
