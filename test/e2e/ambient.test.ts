import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import type { ClusterReport } from '../../lib/domain/evidence.js';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import type { ClusterFaults } from '../../lib/simulation/clusters/faults.js';
import type { LocalFleet } from '../../lib/simulation/fleet.js';
import { API, expectClearEnd, fleetBed, KEY, WEB } from '../support/e2e.js';
import { gitlabRest } from '../support/gitlab-rest.js';
import { rolloutOf, run, statuses } from '../support/small-fleet.js';

jest.setTimeout(120_000);
const FOLDER = `clusters/dev/${WEB}/istio`;

/** Ambient mode in Git: the charts of the node agents, each after the one before it; Flux takes every file. */
function withAgents(tree: string): void {
  const istiod = readFileSync(join(tree, FOLDER, 'istiod.yaml'), 'utf8');
  const charts = { cni: 'istio-cni', ztunnel: 'ztunnel' };
  for (const [chart, name] of Object.entries(charts)) {
    const after = chart === 'cni' ? 'istiod' : 'istio-cni';
    const text = istiod
      .replace(/^ {2}name: istiod$/m, `  name: ${name}`)
      .replace(/chart: istiod/, `chart: ${chart}`)
      .replace(/dependsOn:\n(\s+)- name: [\w-]+/, `dependsOn:\n$1- name: ${after}`);
    writeFileSync(join(tree, FOLDER, `${chart}.yaml`), text);
  }
}

const startAmbient = fleetBed(false, withAgents);
const ambient = (faults: ClusterFaults = {}) => ({
  scenario: { seed: 7, clusters: { [WEB]: { ambient: true, ...faults } } },
});

async function checksOf(fleet: LocalFleet, stage: 'before' | 'after', cluster: string) {
  const sk = journalKeys.check(stage, 'forward', cluster);
  const records = await fleet.remote.journal.records(journalKeys.rollout(KEY), sk);
  const report = records.find((record) => record.sk === sk) as unknown as ClusterReport;
  return Object.fromEntries(
    report.checks.map(({ check, verdict, message }) => [check, `${verdict}: ${message}`]),
  );
}

describe('a batch with a cluster in ambient mode', () => {
  it('ends healthy: ztunnel and istio-cni by their charts, the waypoint by istiod, none restarted by GUARD', async () => {
    const fleet = await startAmbient(ambient());
    const { output } = await run(fleet);
    expect(output).toMatchObject({ outcome: 'healthy', verdict: 'passed' });
    expect(await statuses(fleet)).toEqual(['healthy', 'healthy']);
    const checks = await checksOf(fleet, 'after', WEB);
    expect(checks).toMatchObject({
      ztunnel: 'passed: 3 pods rolled out, at 1.30.2',
      'istio-cni': 'passed: 3 pods rolled out, at 1.30.2',
      'ambient-pods': expect.stringMatching(/^passed: [1-9]\d* pods carried by ztunnel$/),
      waypoints: 'passed: 1 waypoints programmed and rolled out',
    });
    // Proxies of sidecars, gateways, ztunnels and the waypoint alike.
    expect(checks['sidecar-versions']).toMatch(/^passed/);
    expect(Object.keys(await checksOf(fleet, 'after', API))).not.toContain('ztunnel');
    const { store } = fleet.kubernetes.byId.get(WEB)!;
    const restartedAt = (kind: string, namespace: string, name: string) =>
      store.get(kind, namespace, name)!.object.spec.template.metadata.annotations?.[
        'kubectl.kubernetes.io/restartedAt'
      ];
    expect(restartedAt('DaemonSet', 'istio-system', 'ztunnel')).toBeUndefined();
    expect(restartedAt('Deployment', 'search', 'waypoint')).toBeUndefined();
    expect(restartedAt('Deployment', 'shop', 'cart')).toBeDefined();
  });

  it('whose ztunnel does not come up: the batch is rolled back, and the ztunnel is named', async () => {
    const fleet = await startAmbient(ambient({ stuckRollout: 'ztunnel' }));
    expect((await run(fleet)).output?.outcome).toBe('rolled-back');
    expect((await gitlabRest(fleet).request(2)).description).toContain('ztunnel');
    await expectClearEnd(fleet, (await rolloutOf(fleet))?.failure, /web: .*ztunnel/);
  });
});

describe('a cluster in ambient mode whose ztunnel is not in Git', () => {
  const startBare = fleetBed();
  it('is found before anything is changed: it would stay at its old version', async () => {
    const fleet = await startBare(ambient());
    const { output } = await run(fleet);
    expect(output).toMatchObject({ outcome: 'halted', verdict: 'failed' });
    await expectClearEnd(
      fleet,
      output?.reason,
      /web: ztunnel failed: no HelmRelease has the chart ztunnel: Flux would leave istio-system\/ztunnel at its version/,
    );
    expect(await gitlabRest(fleet).requests()).toEqual([]);
  });
});
