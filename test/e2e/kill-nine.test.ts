import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { LOCAL_SECRETS } from '../../lib/simulation/fleet.js';
import { quickConfig } from '../support/e2e.js';
import { smallFleetClusters, until } from '../support/small-fleet.js';

jest.setTimeout(240_000);

const MACHINE = 'arn:aws:states:us-east-1:111122223333:stateMachine:guard-rollout';
const EXECUTION = MACHINE.replace(':stateMachine:', ':execution:');
const folder = mkdtempSync(join(tmpdir(), 'guard-kill-nine-'));
let child: ChildProcess | undefined;

afterEach(async () => {
  await kill();
  rmSync(folder, { recursive: true, force: true });
});

/** SIGKILL does not ask: gone between two instructions. Gives the exit code of one that ended by itself. */
async function kill(signal: 'SIGKILL' | 'SIGINT' = 'SIGKILL'): Promise<number | null> {
  const dying = child;
  if (!dying || dying.exitCode !== null || dying.signalCode !== null) return null;
  const gone = new Promise<number | null>((resolve) => dying.once('exit', resolve));
  dying.kill(signal);
  return gone;
}

/** `guard local --data` with a folder of its own; resolves when it says that it runs. */
async function startLocal(): Promise<void> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const files = ['--config', 'guard.yaml', 'local', '--data', 'data', '--clusters', 'clusters.json'];
  child = spawn(
    process.execPath,
    [join(process.cwd(), 'bin/guard.js'), ...files, '--tree', 'tree', '--people'],
    { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const started = child;
  let text = '';
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('GUARD is running')) resolve();
    };
    started.stdout!.on('data', read);
    started.stderr!.on('data', read);
    started.once('exit', (code) => reject(new Error(`guard local ended with ${code}: ${text}`)));
  });
}

function writeFleet(): void {
  const wanted = new Set(smallFleetClusters().map((cluster) => cluster.cluster_id));
  const all = JSON.parse(readFileSync('examples/clusters.json', 'utf8')) as { cluster_id: string }[];
  writeFileSync(
    join(folder, 'clusters.json'),
    JSON.stringify(all.filter((one) => wanted.has(one.cluster_id))),
  );
  writeFileSync(join(folder, 'guard.yaml'), quickConfig());
  mkdirSync(join(folder, 'tree'));
  cpSync('examples/fleet/components', join(folder, 'tree/components'), { recursive: true });
  for (const { cluster_id, environment } of smallFleetClusters()) {
    const path = join('clusters', environment, cluster_id);
    cpSync(join('examples/fleet', path), join(folder, 'tree', path), { recursive: true });
  }
}

const ports = (): Record<string, number> => JSON.parse(readFileSync(join(folder, 'data/ports.json'), 'utf8'));

describe('guard local --data, killed three times with SIGKILL', () => {
  it('goes on where it was: healthy, one merge request, one execution', async () => {
    writeFleet();
    await startLocal();
    expect(existsSync(join(folder, 'data/env'))).toBe(true);
    const client = new SFNClient({
      endpoint: `http://127.0.0.1:${ports().aws}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'guardlocal', secretAccessKey: 'guardlocal' },
    });
    const input = { target: 'istio', version: '1.30.2', batch: 'dev-wave-1', requested_by: 'test' };
    const { executionArn } = await client.send(
      new StartExecutionCommand({ stateMachineArn: MACHINE, name: 'killed', input: JSON.stringify(input) }),
    );
    expect(executionArn).toContain(EXECUTION);
    const before = ports();

    const seen: number[] = [];
    for (const events of [12, 40, 75]) {
      const count = await until(`${events} events`, async () => {
        const { events: all = [] } = await client.send(
          new GetExecutionHistoryCommand({ executionArn, maxResults: 1000 }),
        );
        return all.length >= events && all.length;
      });
      seen.push(count);
      await kill();
      await startLocal();
      expect(ports()).toEqual(before);
      const again = await client.send(new DescribeExecutionCommand({ executionArn }));
      expect(['RUNNING', 'SUCCEEDED']).toContain(again.status);
    }

    const ended = await until('the end', async () => {
      const execution = await client.send(new DescribeExecutionCommand({ executionArn }));
      return execution.status !== 'RUNNING' && execution;
    });
    client.destroy();
    expect(JSON.parse(ended.output ?? '{}')).toMatchObject({ outcome: 'healthy', verdict: 'passed' });
    // At least the first two deaths were in the middle of it.
    expect(seen[1]).toBeGreaterThan(seen[0]!);
    const url = `http://127.0.0.1:${before.gitlab}/api/v4/projects/infra%2Fk8s-clusters/merge_requests?state=all`;
    const response = await fetch(url, { headers: { 'private-token': LOCAL_SECRETS.peopleToken } });
    expect(await response.json()).toMatchObject([{ iid: 1, state: 'merged' }]);
    // Ctrl-C is the ordinary way to stop it.
    expect(await kill('SIGINT')).toBe(0);
  });
});
