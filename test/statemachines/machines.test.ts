import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { handlerName } from '../../lib/config/names.js';
import { ERROR_NAMES } from '../../lib/domain/errors.js';

const validate = createRequire(import.meta.url)('asl-validator') as (definition: unknown) => {
  isValid: boolean;
  errors: unknown[];
};

const machines = readdirSync('statemachines').filter((file) => file.endsWith('.asl.yaml'));
const text = (file: string) => readFileSync(`statemachines/${file}`, 'utf8');
const handlers = readdirSync('lambdas')
  .filter((file) => file.endsWith('.ts'))
  .map((file) => handlerName(file.slice(0, -3)));

type State = {
  Type: string;
  Comment?: string;
  Retry?: { ErrorEquals: string[] }[];
  Catch?: { ErrorEquals: string[] }[];
  ItemProcessor?: { States: States };
  Branches?: { States: States }[];
};
type States = Record<string, State>;

function allStates(states: States): [string, State][] {
  return Object.entries(states).flatMap(([name, state]) => [
    [name, state] as [string, State],
    ...allStates(state.ItemProcessor?.States ?? {}),
    ...(state.Branches ?? []).flatMap((branch) => allStates(branch.States)),
  ]);
}

describe.each(machines)('%s', (file) => {
  const definition = parse(text(file), { merge: true }) as { States: States };
  const states = allStates(definition.States);

  it('is valid Amazon States Language', () => {
    const substituted = JSON.parse(
      JSON.stringify(definition).replaceAll(
        /\$\{(\w+)\}/g,
        'arn:aws:lambda:us-east-1:123456789012:function:$1',
      ),
    ) as unknown;
    const result = validate(substituted);
    expect(result.errors).toEqual([]);
    expect(result.isValid).toBe(true);
  });

  it('reads as a document: every state has a comment, every choice is a question', () => {
    for (const [name, state] of states) {
      expect([name, state.Comment ?? '']).not.toEqual([name, '']);
      if (state.Type === 'Choice') expect(name).toMatch(/\?$/);
      else expect(name).not.toMatch(/\?$/);
    }
  });

  it('matches only errors that the domain exports, States.* and Lambda.*', () => {
    const ours = new Set<string>([...ERROR_NAMES.retryable, ...ERROR_NAMES.terminal]);
    const matched = states.flatMap(([, state]) =>
      [...(state.Retry ?? []), ...(state.Catch ?? [])].flatMap((rule) => rule.ErrorEquals),
    );
    expect(matched.length).toBeGreaterThan(0);
    expect(matched.filter((name) => !ours.has(name) && !/^(States|Lambda)\./.test(name))).toEqual([]);
  });

  it('never retries what will not work later', () => {
    const retried = new Set(
      states.flatMap(([, state]) => (state.Retry ?? []).flatMap((rule) => rule.ErrorEquals)),
    );
    for (const name of ERROR_NAMES.terminal) expect(retried).not.toContain(name);
    for (const name of ERROR_NAMES.retryable) expect(retried).toContain(name);
  });

  it('names handlers that are there', () => {
    const named = [...text(file).matchAll(/\$\{(\w+)\}/g)].map((match) => match[1]!);
    expect(named.filter((name) => !handlers.includes(name))).toEqual([]);
  });
});

describe('one name, four places', () => {
  it('every handler is named by a state machine or by a rule of the bus', () => {
    const named = new Set(
      machines.flatMap((file) => [...text(file).matchAll(/\$\{(\w+)\}/g)].map((match) => match[1]!)),
    );
    const byEvents = ['GitlabWebhook', 'Resume', 'Sweep', 'Notify'];
    expect([...named, ...byEvents].sort()).toEqual([...handlers].sort());
  });
});
