import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { LocalFleet } from '../../lib/simulation/fleet.js';
import { API, fleetBed, quickConfig, settled, WEB } from '../support/e2e.js';
import { type GitlabRest, gitlabRest } from '../support/gitlab-rest.js';
import { guard } from '../support/guard-command.js';
import { held, smallFleetClusters, until } from '../support/small-fleet.js';

jest.setTimeout(120_000);
const BATCH = ['--batch', 'dev-wave-1'] as const;
const UPGRADE = ['run', ...BATCH, '--target-version', '1.30.2'] as const;

describe('the commands, one after the other, on one fleet', () => {
  const startFleet = fleetBed(true);
  const folder = mkdtempSync(join(tmpdir(), 'guard-commands-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let fleet: LocalFleet;
  let gitlab: GitlabRest;
  beforeAll(async () => {
    fleet = await startFleet({ people: false, scenario: { seed: 7, gitlab: { mergeabilitySeconds: 0 } } });
    gitlab = gitlabRest(fleet);
  });

  it('a configuration that is wrong: exit code 2, with file, path and what is allowed', async () => {
    const file = join(folder, 'wrong.yaml');
    writeFileSync(file, quickConfig().replace('max_parallel_clusters: 10', 'max_parallel_clusters: many'));
    const wrong = await guard('--config', file, 'list');
    expect(wrong.code).toBe(2);
    expect(wrong.err).toMatch(/wrong\.yaml: execution\.max_parallel_clusters: .*number/);
    writeFileSync(file, `${quickConfig()}\nrollbacks: {}\n`);
    const unknown = await guard('--config', file, 'list');
    expect(unknown.code).toBe(2);
    expect(unknown.err).toMatch(/rollbacks/);
    const merging = quickConfig((config) => {
      config.rollback.require_manual_approval = false;
    });
    writeFileSync(file, merging);
    expect(await guard('--config', file, 'list')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/require_manual_approval: GUARD never merges/),
    });
    expect(await guard('--config', join(folder, 'none.yaml'), 'list')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/none\.yaml: no such configuration file/),
    });
  });

  it('words that are no command or option: exit code 2', async () => {
    expect((await guard('upgrade')).code).toBe(2);
    expect((await guard('run', ...BATCH)).code).toBe(2);
    expect((await guard('run', ...BATCH, '--target-version', '1.30')).code).toBe(2);
    expect((await guard(...UPGRADE, '--parallelism', '0')).code).toBe(2);
    expect((await guard(...UPGRADE, '--mr-strategy', 'none')).code).toBe(2);
    expect((await guard('resume', ...BATCH, '--from', 'start')).code).toBe(2);
    expect(await guard('list', '--format', 'xml')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--format.*Allowed choices are table, json/),
    });
    expect((await guard('--help')).code).toBe(0);
    for (const command of [
      'demo',
      'local',
      'list',
      'run',
      'monitor',
      'rollback',
      'cancel',
      'resume',
      'status',
    ])
      expect(await guard(command, '--help')).toMatchObject({
        code: 0,
        out: expect.stringMatching(new RegExp(`\\nExamples:\\n {2}guard ${command}`)),
      });
  });

  it('an engine that is not there: exit code 1, with the address and what to do', async () => {
    const { AWS_ENDPOINT_URL } = process.env;
    process.env.AWS_ENDPOINT_URL = 'http://127.0.0.1:9';
    try {
      expect(await guard('list')).toMatchObject({
        code: 1,
        err: expect.stringMatching(
          /ECONNREFUSED.*; AWS_ENDPOINT_URL is http:\/\/127.0.0.1:9: is guard local running/,
        ),
      });
    } finally {
      process.env.AWS_ENDPOINT_URL = AWS_ENDPOINT_URL;
    }
  });

  it('list: a table for people, JSON for programs', async () => {
    const table = await guard('list', ...BATCH);
    expect(table.code).toBe(0);
    expect(table.out).toMatch(new RegExp(`${API} +dev-wave-1 +dev +1.29.4 +- +- +healthy`));
    expect(table.out).not.toContain('eks-test-us-east-1');
    const all = JSON.parse((await guard('list', '--format', 'json')).out) as unknown[];
    expect(all).toHaveLength(smallFleetClusters().length);
    expect((await guard('list', '--environment', 'test')).out).toContain('eks-test-us-east-1');
    expect(await guard('list', '--batch', 'dev-wave-9')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/no cluster of batch 'dev-wave-9' in the registry; it has dev-wave-1, /),
    });
    expect((await guard('list', '--environment', 'moon', '--format', 'json')).code).toBe(2);
  });

  it('registry: export, show, update, remove, add and import agree with each other', async () => {
    const file = join(folder, 'clusters.json');
    expect((await guard('registry', 'export', file)).code).toBe(0);
    const exported = JSON.parse(readFileSync(file, 'utf8')) as { cluster_id: string }[];
    expect(exported).toHaveLength(smallFleetClusters().length);
    const id = 'eks-test-us-east-1';
    expect((await guard('registry', 'update', id, 'owner_handle=@somebody')).code).toBe(0);
    const shown = JSON.parse((await guard('registry', 'show', id, '--format', 'json')).out);
    expect(shown).toMatchObject({ cluster_id: id, owner_handle: '@somebody' });
    expect((await guard('registry', 'show', id)).out).toMatch(/\nowner_handle +@somebody\n/);
    expect((await guard('registry', 'show', id)).out).toMatch(/\nversions\.istio\.current +1\.29\.4\n/);
    expect(await guard('registry', 'update', id, 'status=healthy')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/'status' cannot be changed by hand; allowed: batch_id/),
    });
    expect((await guard('registry', 'remove', id)).code).toBe(0);
    expect((await guard('registry', 'show', id)).code).toBe(2);
    const one = JSON.stringify(exported.find((cluster) => cluster.cluster_id === id));
    expect((await guard('registry', 'add', one)).code).toBe(0);
    expect((await guard('registry', 'add', one)).code).not.toBe(0);
    expect((await guard('registry', 'import', file)).code).toBe(3);
    expect((await guard('registry', 'import', file, '--replace')).code).toBe(0);
    expect((await guard('registry', 'import', join(folder, 'not-there.json'))).code).toBe(2);
    const again = JSON.parse((await guard('list', '--format', 'json')).out) as unknown[];
    expect(again).toHaveLength(exported.length);
  });

  it('registry --format json: one document from each of its commands', async () => {
    const json = async (...args: string[]) =>
      JSON.parse((await guard('registry', ...args, '--format', 'json')).out);
    const id = 'eks-test-us-east-1';
    const exported = (await json('export')) as { cluster_id: string }[];
    expect(exported).toHaveLength(smallFleetClusters().length);
    expect(await json('update', id, 'owner_team=night')).toMatchObject({
      cluster_id: id,
      owner_team: 'night',
    });
    expect(await json('remove', id)).toEqual({ removed: id });
    const one = JSON.stringify(exported.find((cluster) => cluster.cluster_id === id));
    expect(await json('add', one)).toMatchObject({ cluster_id: id, version: 1 });
    const file = join(folder, 'one.json');
    writeFileSync(file, `[${one}]`);
    expect(await json('import', file, '--replace')).toEqual({ imported: [id] });
  });

  it('names that nobody has: exit code 2, with those that there are', async () => {
    const batch = /no cluster of batch 'dev-wave-9' in the registry; it has dev-wave-1, /;
    for (const command of ['status', 'monitor', 'rollback', 'cancel', 'resume'])
      expect(await guard(command, '--batch', 'dev-wave-9')).toMatchObject({
        code: 2,
        err: expect.stringMatching(batch),
      });
    for (const command of ['status', 'monitor'])
      expect(await guard(command, ...BATCH, '--target', 'itsio')).toMatchObject({
        code: 2,
        err: expect.stringMatching(/--target itsio: no such target; use one of istio, /),
      });
    expect((await guard('list', '--target', 'itsio')).code).toBe(2);
    expect((await guard('list', '--target', 'cert-manager')).code).toBe(0);
    expect(await guard('status', ...BATCH)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^no rollout/),
    });
  });

  it('what a rule refuses: exit code 3, with the reason', async () => {
    expect(await guard('run', '--batch', 'nobody', '--target-version', '1.30.2')).toMatchObject({
      code: 3,
      out: expect.stringMatching(/^refused: batch 'nobody' has no clusters.*known batches/),
    });
    for (const command of ['monitor', 'rollback', 'cancel', 'resume']) {
      expect(await guard(command, ...BATCH)).toMatchObject({
        code: 3,
        err: expect.stringMatching(/no rollout of istio is known for batch 'dev-wave-1'; start one/),
      });
    }
  });

  it('run --dry-run: checks and computes, writes nothing to Git, holds nobody', async () => {
    const { code, out } = await guard(...UPGRADE, '--dry-run');
    expect(out).toMatch(
      /: fit to be upgraded\n {2}dry run: it would change \d+ versions in \d+ files for 2 clusters/,
    );
    expect(out).not.toContain('cancelled');
    expect(code).toBe(0);
    expect(await gitlab.requests()).toEqual([]);
    expect(Object.keys(await gitlab.branches())).toEqual(['main']);
    expect(await held(fleet)).toEqual([]);
  });

  it('run returns when the merge request is open; a second one is refused; status tells', async () => {
    const first = await guard(...UPGRADE);
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toMatch(/merge request !1: http:.*\/-\/merge_requests\/1\n.*waits for a human/);
    expect(await guard(...UPGRADE)).toMatchObject({
      code: 3,
      out: expect.stringMatching(/refused: rollout istio\/1.30.2\/dev-wave-1\/\d is already running/),
    });
    expect((await guard('status')).out).toMatch(/istio\/1.30.2\/dev-wave-1\/\d +waiting for the merge +2/);
    const { rollout } = JSON.parse((await guard('status', ...BATCH, '--format', 'json')).out);
    expect(rollout).toMatchObject({ phase: 'waiting for the merge', startedBy: 'tester' });
    expect((await guard('status', ...BATCH)).out).toMatch(new RegExp(`${WEB} +1.29.4 +mr-created +passed`));
    expect((await guard('resume', ...BATCH)).code).toBe(3);
    expect((await guard('registry', 'remove', WEB)).code).toBe(3);
  });

  it('cancel: the request is closed, the clusters are free', async () => {
    const { rollout } = JSON.parse((await guard('status', ...BATCH, '--format', 'json')).out);
    const asked = await guard('cancel', ...BATCH, '--reason', 'not today', '--format', 'json');
    expect(asked).toMatchObject({ code: 0, err: expect.stringMatching(/is asked to end/) });
    expect(JSON.parse(asked.out)).toMatchObject({ key: rollout.key, request: { kind: 'cancel' } });
    expect(await settled(fleet, rollout.key)).toMatchObject({
      outcome: 'cancelled',
      reason: expect.stringMatching(/cancel asked by tester: not today/),
    });
    expect(await gitlab.request(1)).toMatchObject({ state: 'closed' });
    expect(await held(fleet)).toEqual([]);
    expect((await guard('cancel', ...BATCH)).code).toBe(3);
  });

  it('rollback of what was never merged: exit code 3 with the rule, also without --watch', async () => {
    for (const more of [[], ['--watch'], ['--format', 'json']]) {
      const { code, out, err } = await guard('rollback', ...BATCH, ...more);
      expect(`${out}${err}`).toMatch(/merge request !1 of rollout .* was not merged; nothing to put back/);
      expect(out).not.toMatch(/goes on/);
      expect(code).toBe(3);
    }
    expect((await guard('resume', ...BATCH, '--from', 'roll-back')).code).toBe(3);
  });

  it('status --watch returns when the rollout of the batch has ended', async () => {
    const { code, out } = await guard('status', ...BATCH, '--watch');
    expect(code).toBe(0);
    expect(out.match(/dev-wave-1\/\d: cancelled/g)).toHaveLength(1);
  });

  it('a merge request per cluster: one document, each named where the batch alone is not enough', async () => {
    const { code, out } = await guard(...UPGRADE, '--mr-strategy', 'per-cluster', '--format', 'json');
    expect(code).toBe(0);
    const started = JSON.parse(out) as { batch: string; phase: string }[];
    expect(started.map(({ batch }) => batch).sort()).toEqual([`dev-wave-1@${API}`, `dev-wave-1@${WEB}`]);
    const table = (await guard('status', ...BATCH)).out;
    for (const { batch } of started)
      expect(table).toMatch(new RegExp(`${batch}/1 +waiting for the merge +1 `));
    for (const { batch } of started) expect((await guard('cancel', '--batch', batch)).code).toBe(0);
    await until('free clusters', async () => (await held(fleet)).length === 0);
  });

  it('run --watch follows to healthy; JSON is one document', async () => {
    const following = guard(...UPGRADE, '--watch', '--format', 'json');
    await until('the next merge request', async () => {
      const request = (await gitlab.requests())[3];
      return (
        request?.state === 'opened' &&
        gitlab.merge(4).then(
          () => true,
          () => false,
        )
      );
    });
    const { code, out } = await following;
    expect(JSON.parse(out)).toMatchObject({ outcome: 'healthy', verdict: 'passed' });
    expect(code).toBe(0);
    expect(await guard(...UPGRADE)).toMatchObject({ code: 3, out: expect.stringMatching(/nothing to do/) });
    expect(await guard('resume', ...BATCH)).toMatchObject({
      code: 3,
      err: expect.stringMatching(/is over \(healthy\); nothing to resume \(--from verify/),
    });
  });

  it('monitor verifies again what was merged', async () => {
    const { code, out } = await guard('monitor', ...BATCH);
    // Which phases are seen on the way depends on how quick they are.
    expect(out).toMatch(/goes on: verify \(it had ended healthy\)\n/);
    expect(out).toMatch(/istio\/1.30.2\/dev-wave-1\/\d: healthy/);
    expect(code).toBe(0);
    const again = await guard('monitor', ...BATCH, '--format', 'json');
    expect(JSON.parse(again.out)).toMatchObject({ outcome: 'healthy' });
    expect(again.err).toMatch(/goes on: verify/);
  });

  it('rollback puts a healthy batch back, through a merge request', async () => {
    const asked = await guard('rollback', ...BATCH, '--reason', 'a customer asked', '--format', 'json');
    expect(asked).toMatchObject({ code: 0, err: expect.stringMatching(/goes on: roll-back/) });
    expect(JSON.parse(asked.out)).toMatchObject({ batch: 'dev-wave-1', direction: 'back' });
    const rollback = await until('the rollback', async () => (await gitlab.requests())[4]);
    expect(rollback).toMatchObject({ draft: false, labels: expect.arrayContaining(['ROLLBACK']) });
    expect(rollback.description).toContain('a customer asked');
    expect(await guard('rollback', ...BATCH)).toMatchObject({
      code: 3,
      err: expect.stringMatching(/is being rolled back already \(waiting for the rollback merge\): !5 http/),
    });
    await until('the merge', () =>
      gitlab.merge(5).then(
        () => true,
        () => false,
      ),
    );
    const followed = await guard('monitor', ...BATCH);
    expect(followed.out).toMatch(/rolled-back/);
    expect(followed.code).toBe(1);
    expect((await guard('list', ...BATCH)).out).toMatch(new RegExp(`${API} .*1.29.4 .*failed-upgrade`));
    expect((await guard('rollback', ...BATCH)).code).toBe(3);
  });
});
