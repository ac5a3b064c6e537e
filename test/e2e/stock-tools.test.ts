import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { localAws } from '../../lib/local/environment.js';
import { LOCAL_SECRETS, type LocalFleet } from '../../lib/simulation/fleet.js';
import { API, fleetBed, gateToken, KEY, settled } from '../support/e2e.js';
import { statuses, until } from '../support/small-fleet.js';

jest.setTimeout(180_000);
const run = promisify(execFile);

/** The tests of a tool that is not on this machine are left out, and that is said. */
function where(tool: string, ...version: string[]): typeof it {
  if (spawnSync(tool, version).status === 0) return it;
  process.stderr.write(`${tool} is not on this machine: its tests are left out\n`);
  return it.skip as typeof it;
}
const withAws = where('aws', '--version');
const withKubectl = where('kubectl', 'version', '--client');

describe('stock tools against the engine and the simulated fleet', () => {
  const startFleet = fleetBed(true);
  const folder = mkdtempSync(join(tmpdir(), 'guard-tools-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const kubeconfig = join(folder, 'kubeconfig');
  let fleet: LocalFleet;
  beforeAll(async () => {
    fleet = await startFleet({ people: false });
    writeFileSync(kubeconfig, fleet.kubernetes.kubeconfig());
  });

  // biome-ignore lint/suspicious/noExplicitAny: what the AWS CLI prints
  async function aws(...args: string[]): Promise<any> {
    const { AWS_ENDPOINT_URL: _, ...env } = localAws(fleet.engine.endpoint, 'us-east-1');
    const endpoint = ['--endpoint-url', fleet.engine.endpoint, '--output', 'json'];
    const { stdout } = await run('aws', [...args, ...endpoint], { env: { ...process.env, ...env } });
    return stdout.trim() === '' ? undefined : JSON.parse(stdout);
  }

  async function kubectl(...args: string[]): Promise<string> {
    const { stdout } = await run('kubectl', ['--kubeconfig', kubeconfig, '--context', API, ...args]);
    return stdout;
  }

  withAws(
    'aws: start, describe, list, history, token, stop; the sweep settles what was stopped',
    async () => {
      const machine = fleet.engine.stateMachineArn('guard-rollout');
      const input = JSON.stringify({ version: '1.30.2', batch: 'dev-wave-1' });
      const of = ['--state-machine-arn', machine];
      const { executionArn } = await aws('stepfunctions', 'start-execution', ...of, '--input', input);
      const execution = ['--execution-arn', executionArn];
      const token = await gateToken(fleet);
      expect(await aws('stepfunctions', 'describe-execution', ...execution)).toMatchObject({
        status: 'RUNNING',
        stateMachineArn: machine,
      });
      const { executions } = await aws(
        'stepfunctions',
        'list-executions',
        ...of,
        '--status-filter',
        'RUNNING',
      );
      expect(executions).toMatchObject([{ executionArn, status: 'RUNNING' }]);
      const { events } = await aws('stepfunctions', 'get-execution-history', ...execution);
      expect(events[0]).toMatchObject({ type: 'ExecutionStarted', id: 1 });
      expect(events.map((event: { type: string }) => event.type)).toContain('MapIterationSucceeded');
      await aws('stepfunctions', 'send-task-success', '--task-token', token, '--task-output', '{}');
      await until('the next token', async () => (await gateToken(fleet)) !== token);
      await aws('stepfunctions', 'stop-execution', ...execution, '--cause', 'by hand');
      expect(await settled(fleet)).toMatchObject({ outcome: 'halted' });
      expect(await statuses(fleet)).toEqual(['healthy', 'healthy']);
      const redrive = await aws('stepfunctions', 'redrive-execution', ...execution);
      expect(redrive.redriveDate).toBeDefined();
    },
  );

  withAws('aws dynamodb scan: the registry and the journal as they are', async () => {
    const { Items } = await aws('dynamodb', 'scan', '--table-name', 'guard-cluster-registry');
    expect(Items.map((item: { cluster_id: { S: string } }) => item.cluster_id.S)).toContain(API);
    const journal = await aws('dynamodb', 'scan', '--table-name', 'guard-journal');
    expect(JSON.stringify(journal)).toContain(`rollout#${KEY}`);
    expect(JSON.stringify(journal)).not.toContain(LOCAL_SECRETS.gitlabToken);
  });

  withKubectl('kubectl get, of several kinds in all namespaces, as a table and as YAML', async () => {
    const table = await kubectl('get', 'helmreleases,kustomizations,pods,deployments', '-A');
    expect(table).toMatch(/istio-system +helmrelease\S*\/istiod/);
    expect(table).toMatch(/flux-system +kustomization\S*\/flux-system/);
    expect(table).toMatch(/istio-system +deployment\S*\/istiod +2\/2/);
    const yaml = await kubectl('get', 'helmrelease', 'istiod', '-n', 'istio-system', '-o', 'yaml');
    expect(yaml).toMatch(/version: ['"]?1\.29\.4/);
  });

  withKubectl('kubectl annotate and patch', async () => {
    const release = ['helmrelease', 'istiod', '-n', 'istio-system'];
    await kubectl('annotate', ...release, 'reconcile.fluxcd.io/requestedAt=now', '--overwrite');
    await kubectl('patch', ...release, '--type', 'merge', '-p', '{"spec":{"suspend":true}}');
    const json = JSON.parse(await kubectl('get', ...release, '-o', 'json'));
    expect(json.spec.suspend).toBe(true);
    expect(json.metadata.annotations['reconcile.fluxcd.io/requestedAt']).toBe('now');
  });

  it('curl on the GitLab API: who I am, the project, the tree', async () => {
    const api = `${fleet.gitlab.url}/api/v4`;
    const headers = { 'private-token': LOCAL_SECRETS.peopleToken };
    const project = `${api}/projects/${encodeURIComponent('infra/k8s-clusters')}`;
    expect(await (await fetch(`${api}/user`, { headers })).json()).toMatchObject({ username: 'you' });
    expect(await (await fetch(project, { headers })).json()).toMatchObject({
      path_with_namespace: 'infra/k8s-clusters',
      default_branch: 'main',
    });
    expect((await fetch(`${project}/repository/tree?path=clusters`, { headers })).status).toBe(200);
    expect((await fetch(project)).status).toBe(401);
  });
});
