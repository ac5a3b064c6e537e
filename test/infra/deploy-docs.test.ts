import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { functionName } from '../../lib/config/names.js';
import { HANDLERS, type Need } from '../../lib/infra/handlers.js';
import { PROJECT } from './stack-support.js';

const DOCS = readFileSync(join(PROJECT, 'docs/deploy.md'), 'utf8');

/** What the table of permissions says of a need, column by column; metrics of our own are told below it. */
const CELLS: Readonly<Record<Need, readonly [column: number, words: string] | undefined>> = {
  'registry-read': [0, 'read'],
  'registry-change': [0, 'read, change'],
  journal: [1, 'read, write'],
  'journal-remove': [1, 'remove'],
  git: [2, 'gitlab-token'],
  clusters: [3, 'AssumeRole on cluster roles'],
  metrics: [2, 'datadog-credentials, or those of Prometheus'],
  analyzer: undefined,
  events: [3, 'PutEvents'],
  'own-metrics': undefined,
  notifier: [2, 'notification secrets'],
  'webhook-secrets': [2, 'gitlab-webhook'],
  'executions-describe': [3, 'DescribeExecution'],
  'executions-resume': [3, 'SendTaskSuccess'],
  'executions-start': [3, 'StartExecution'],
};

function expected(needs: readonly Need[]): string[] {
  const columns: string[][] = [[], [], [], []];
  for (const [need, cell] of Object.entries(CELLS)) {
    if (cell && needs.includes(need as Need)) columns[cell[0]]!.push(cell[1]);
  }
  if (needs.includes('clusters')) columns[2]!.push('external id');
  return columns.map((words) => words.join(', '));
}

describe('docs/deploy.md', () => {
  it('has a row of permissions for each function, and says what it is given', () => {
    const section = /## Permissions\n([\s\S]*?)\n## /.exec(DOCS)![1]!;
    const rows = [...section.matchAll(/^\|(.+)\|(.*)\|(.*)\|(.*)\|(.*)\|$/gm)]
      .map((match) => match.slice(1).map((cell) => cell.trim()))
      .filter(([name]) => name !== 'function' && !name!.startsWith('-'));
    const said = Object.fromEntries(
      rows.flatMap(([names, ...cells]) =>
        names!.split(', ').map((name) => [`guard-${name}`, cells] as const),
      ),
    );
    expect(said).toEqual(
      Object.fromEntries(
        Object.entries(HANDLERS).map(([name, { needs }]) => [functionName(name), expected(needs)]),
      ),
    );
  });

  it('adds up the reserved concurrency', () => {
    const all = Object.values(HANDLERS).reduce((sum, { concurrency }) => sum + (concurrency?.most ?? 0), 0);
    expect(DOCS).toContain(`| reserved concurrency | ${all} in all:`);
    expect(DOCS).toContain(`# ${all + 100} or more, else -c stage=trial`);
  });
});
