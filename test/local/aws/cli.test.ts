import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Engine } from '../../../lib/local/engine.js';
import { localAws } from '../../../lib/local/environment.js';
import { REGION, ROLE, START, startTestEngine } from '../../support/test-engine.js';

const run = promisify(execFile);
const hasCli = spawnSync('aws', ['--version']).status === 0;
if (!hasCli) console.warn('The AWS CLI is not on the PATH: its tests are skipped');

let engine: Engine;
beforeAll(async () => {
  engine = await startTestEngine();
});
afterAll(() => engine.stop());

/** Runs the AWS CLI with nothing of the user's own AWS settings. */
async function aws(...args: string[]) {
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
  const env = { ...Object.fromEntries(clean), ...localAws(engine.endpoint, REGION), AWS_MAX_ATTEMPTS: '1' };
  const { stdout } = await run('aws', [...args, '--output', 'json'], { env });
  return stdout === '' ? undefined : JSON.parse(stdout);
}

(hasCli ? describe : describe.skip)('the AWS CLI', () => {
  it('starts, describes, lists, follows and stops an execution', async () => {
    const arn = engine.stateMachineArn('guard-rollout');
    const { executionArn } = await aws(
      ...[
        'stepfunctions',
        'start-execution',
        '--state-machine-arn',
        arn,
        '--name',
        'by-cli',
        '--input',
        '{}',
      ],
    );
    const described = await aws('stepfunctions', 'describe-execution', '--execution-arn', executionArn);
    expect(described).toMatchObject({ name: 'by-cli', status: 'RUNNING' });
    const history = await aws(...['stepfunctions', 'get-execution-history', '--execution-arn', executionArn]);
    expect(history.events).toHaveLength(250);
    await aws('stepfunctions', 'stop-execution', '--execution-arn', executionArn, '--cause', 'test');
    const listed = await aws('stepfunctions', 'list-executions', '--state-machine-arn', arn);
    expect(listed.executions).toMatchObject([{ name: 'by-cli', status: 'ABORTED' }]);
    const failure = await aws('stepfunctions', 'send-task-heartbeat', '--task-token', 'none').catch((e) => e);
    expect(failure.stderr).toMatch(/\(InvalidToken\) .*SendTaskHeartbeat/);
  });

  it('scans a table, assumes a role and describes a bus', async () => {
    const item = '{"cluster_id":{"S":"c1"}}';
    await aws('dynamodb', 'put-item', '--table-name', 'guard-cluster-registry', '--item', item);
    const { Items } = await aws('dynamodb', 'scan', '--table-name', 'guard-cluster-registry');
    expect(Items).toEqual([{ cluster_id: { S: 'c1' } }]);
    const given = await aws(
      ...[
        'sts',
        'assume-role',
        '--role-arn',
        ROLE,
        '--role-session-name',
        'cli',
        '--external-id',
        'shared-secret',
      ],
    );
    const expiration = Date.parse(given.Credentials.Expiration);
    expect(expiration).toBeGreaterThanOrEqual(START + 3_600_000);
    const bus = await aws('events', 'describe-event-bus', '--name', 'guard');
    expect(bus.Name).toBe('guard');
  });
});
