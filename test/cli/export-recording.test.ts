import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Command } from 'commander';
import { stringify } from 'yaml';
import type { RecordedRollout } from '../../lib/analysis/recording-export.js';
import { recordingLines } from '../../lib/analysis/recording-export.js';
import { exportRecording } from '../../lib/cli/export-recording.js';
import { register as registerReplay } from '../../lib/cli/replay.js';
import { measure } from '../../lib/phases/measure.js';
import { KEY, merged, restarted } from '../support/fakes/drive.js';
import { quiet } from '../support/fakes/metrics.js';
import { CONTROLS, NEW, OLD, SHORT, WAVE, type World, world } from '../support/fakes/world.js';
import { guard } from '../support/guard-command.js';

const BATCH = { batch: 'dev-wave-1', target: 'istio' };
/** The limits that the rollout had. */
const POLICY = {
  validation: { soak_period_minutes: 10, soak_maximum_minutes: 30, baseline_hours: 2 },
  metrics: { error_rate: { maximum: 0.001, increase_percent: 100, floor: 0.0002 } },
};
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recording-'));
  await writeFile(join(folder, 'policy.yaml'), stringify(POLICY));
});
afterAll(() => rm(folder, { recursive: true }));

/** A rollout that soaks until it is decided, with these values since the soak began. */
async function soaked(value: (usual: number, metric: string, id: string) => number | null): Promise<World> {
  const w = world({ config: SHORT });
  await restarted(w);
  const start = w.clock.now();
  w.metrics.value = (metric, id, t) =>
    t < start ? quiet(metric, id, t) : value(quiet(metric, id, t), metric, id);
  for (let minute = 0; minute < 40; minute++) {
    const out = await measure({ rollout: KEY, direction: 'forward', stage: 'soak' }, w.ports);
    if (out.next !== 'again') return w;
    w.clock.advance(1);
  }
  throw new Error('the soak did not end');
}

async function exported(w: World, file: string, rollout?: string): Promise<Record<string, unknown>[]> {
  const io = { out: () => undefined, err: () => undefined, cwd: folder };
  await exportRecording(w.journal, { ...BATCH, ...(rollout ? { rollout } : {}), output: file }, io);
  const text = await readFile(join(folder, file), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

async function replayed(file: string, ...more: string[]): Promise<Record<string, unknown>> {
  const out: string[] = [];
  const err: string[] = [];
  const program = new Command().exitOverride();
  const io = { out: (text: string) => out.push(text), err: (text: string) => err.push(text) };
  registerReplay(program, { ...io, exit: () => undefined, color: false, cwd: folder, env: {} });
  await program.parseAsync(['replay', file, '--json', ...more], { from: 'user' });
  expect(err).toEqual([]);
  return JSON.parse(out.join('\n')).files[0];
}

describe('guard export-recording', () => {
  it('has the earlier days that stood in for controls, and a replay decides the same with them', async () => {
    const w = world({ config: SHORT });
    for (const id of CONTROLS.slice(1)) w.registry.force(id, { status: 'held' });
    // Every day latencies climb by 40 % in the twenty minutes after nine.
    const DAY = 86_400_000;
    let nine = Number.POSITIVE_INFINITY;
    const climb = (t: number) => 1 + 0.4 * Math.min(1, Math.max(0, (t - nine) / 1_200_000));
    w.metrics.value = (metric, id, t) => {
      const today = t - Math.floor((t - (nine - DAY / 2)) / DAY) * DAY;
      return quiet(metric, id, t) * (metric.startsWith('latency') && nine < 1e15 ? climb(today) : 1);
    };
    nine = w.clock.now();
    await restarted(w);
    const soakOut = async (): Promise<string | null> => {
      for (let minute = 0; minute < 40; minute++) {
        const out = await measure({ rollout: KEY, direction: 'forward', stage: 'soak' }, w.ports);
        if (out.next !== 'again') return out.verdict;
        w.clock.advance(1);
      }
      return 'no end';
    };
    expect(await soakOut()).toBe('passed');
    const [header, ...lines] = await exported(w, 'alone.jsonl');
    const changedAt = Date.parse(String(header!.changedAt));
    const times = lines.map((line) => Date.parse(String(line.t)));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(Math.min(...times)).toBeLessThan(changedAt - 2 * DAY);
    expect(await replayed('alone.jsonl', '--policy', 'policy.yaml')).toMatchObject({ verdict: 'passed' });
    const recent = lines.filter((line) => Date.parse(String(line.t)) > changedAt - DAY / 2);
    const without = [header, ...recent].map((line) => JSON.stringify(line)).join('\n');
    await writeFile(join(folder, 'without.jsonl'), without);
    expect(await replayed('without.jsonl', '--policy', 'policy.yaml')).toMatchObject({
      verdict: 'inconclusive',
    });
  });

  it('writes header and measurements in order of time, requests beside the error rates', async () => {
    const w = await soaked((usual) => usual);
    const [header, ...lines] = await exported(w, 'healthy.jsonl');
    expect(header).toEqual({
      kind: 'rollout-recording',
      version: 1,
      ...BATCH,
      from: OLD,
      to: NEW,
      changedAt: expect.any(String),
      clusters: { upgraded: [...WAVE], control: [...CONTROLS] },
      metrics: [
        { name: 'error_rate', unit: 'share', direction: 'higher-is-worse' },
        { name: 'latency_p99', unit: 's', direction: 'higher-is-worse' },
      ],
    });
    const times = lines.map(({ t }) => String(t));
    expect(times).toEqual(times.toSorted());
    const changedAt = String(header!.changedAt);
    expect(changedAt > (await w.rollout()).upgrade!.mergedAt!).toBe(true);
    // Two hours before the merge and ten minutes of soak, two metrics of seven clusters.
    expect(times.filter((t) => t < changedAt)).toHaveLength(121 * 14);
    expect(times.filter((t) => t >= changedAt)).toHaveLength(11 * 14);
    expect(
      lines.filter(({ metric }) => metric === 'error_rate').every(({ requests }) => requests !== undefined),
    ).toBe(true);
    expect(lines.some(({ metric, requests }) => metric !== 'error_rate' && requests !== undefined)).toBe(
      false,
    );
  });

  it.each<[string, Parameters<typeof soaked>[0], { verdict: string; metric?: string; cluster?: string }]>([
    ['a healthy rollout', (usual: number) => usual, { verdict: 'passed' }],
    [
      'a doubled P99 in one cluster',
      (usual: number, metric: string, id: string) =>
        usual * (metric === 'latency_p99' && id === WAVE[2] ? 2 : 1),
      { verdict: 'failed', metric: 'latency_p99', cluster: WAVE[2] },
    ],
    [
      'an error rate six times as high, judged by its requests',
      (usual: number, metric: string, id: string) =>
        usual * (metric === 'error_rate' && id === WAVE[0] ? 6 : 1),
      { verdict: 'failed', metric: 'error_rate', cluster: WAVE[0] },
    ],
    [
      'an incident that hits all',
      (usual: number, metric: string) => usual * (metric === 'latency_p99' ? 2 : 1),
      { verdict: 'inconclusive' },
    ],
    [
      'a cluster that fell silent',
      (usual: number, _metric: string, id: string) => (id === WAVE[1] ? null : usual),
      { verdict: 'inconclusive' },
    ],
  ])('is decided by guard replay as the rollout was: %s', async (_name, value, wanted) => {
    const w = await soaked(value);
    await exported(w, 'one.jsonl');
    expect(await replayed('one.jsonl', '--policy', 'policy.yaml')).toMatchObject(wanted);
    const [judgement] = await w.journal.records(`rollout#${KEY}`, 'judgement');
    expect(judgement).toMatchObject({ decision: wanted.verdict });
    if (wanted.metric) expect(judgement).toMatchObject({ cause: { metric: wanted.metric } });
  });

  it('writes to stdout without --output, and takes the rollout that is named', async () => {
    const w = await soaked((usual) => usual);
    const out: string[] = [];
    const io = { out: (text: string) => out.push(text), err: () => undefined, cwd: folder };
    await exportRecording(w.journal, { ...BATCH, rollout: KEY }, io);
    expect(JSON.parse(out[0]!)).toMatchObject({ to: NEW });
    expect(out).toHaveLength(1 + 132 * 14);
    await expect(exported(w, 'none.jsonl', 'istio/1.30.2/dev-wave-1/7')).rejects.toThrow(
      `no rollout istio/1.30.2/dev-wave-1/7 of batch 'dev-wave-1' is known; there is ${KEY}`,
    );
  });

  it('refuses a rollout that has not soaked, and an unknown batch', async () => {
    const w = world({ config: SHORT });
    await merged(w);
    await expect(exported(w, 'none.jsonl')).rejects.toThrow(`${KEY} has no soak that ended`);
    const io = { out: () => undefined, err: () => undefined, cwd: folder };
    await expect(exportRecording(w.journal, { ...BATCH, batch: 'nowhere' }, io)).rejects.toThrow(
      "no rollout of istio of batch 'nowhere' is known; there is none",
    );
  });

  it('is a command, and asks for the batch', async () => {
    const { code, err } = await guard('export-recording');
    expect(code).toBe(2);
    expect(err).toContain('--batch <name>');
  });
});

describe('recordingLines', () => {
  const rollout: RecordedRollout = {
    ...BATCH,
    from: OLD,
    to: NEW,
    changedAt: 600_000,
    upgraded: ['u'],
    control: [],
    metrics: [{ name: 'cpu', unit: 'cores', direction: 'higher-is-worse', kind: 'resource' }],
    baseline: [],
    soak: [],
    requests: [],
  };
  const soak = (points: { t: number; value: number | null }[], warning?: string) =>
    [
      ...recordingLines({
        ...rollout,
        soak: [{ metric: 'cpu', cluster_id: 'u', points, ...(warning ? { warning } : {}) }],
      }),
    ]
      .slice(1)
      .map((line) => JSON.parse(line));

  it('writes what is no number as an error, and a gap as null', () => {
    const points = [Number.NaN, Number.POSITIVE_INFINITY, null].map((value, i) => ({
      t: 600_000 + i,
      value,
    }));
    expect(soak(points)).toMatchObject([
      { value: null, error: 'the value is NaN' },
      { value: null, error: 'the value is Infinity' },
      { value: null },
    ]);
  });

  it('never passes partial data on as a measurement', () => {
    expect(soak([{ t: 600_000, value: 1 }], 'a shard is missing')).toMatchObject([
      { value: 1, error: 'partial data: a shard is missing' },
    ]);
  });

  it('leaves out points on the wrong side of the change, and clusters that were not compared', () => {
    const point = (t: number) => ({ t, value: 1 });
    const stranger = { metric: 'cpu', cluster_id: 'x', points: [point(1)] };
    const lines = [
      ...recordingLines({
        ...rollout,
        baseline: [{ metric: 'cpu', cluster_id: 'u', points: [point(1), point(600_000)] }, stranger],
        soak: [{ metric: 'cpu', cluster_id: 'u', points: [point(599_999), point(600_001)] }],
      }),
    ];
    expect(lines.slice(1).map((line) => Date.parse(JSON.parse(line).t))).toEqual([1, 600_001]);
  });
});
