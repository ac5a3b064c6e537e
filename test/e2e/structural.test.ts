import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Cluster } from '../../lib/domain/cluster.js';
import { API, fleetBed, istiodFile, quickConfig, WEB } from '../support/e2e.js';
import { gitlabRest } from '../support/gitlab-rest.js';
import { held, rolloutOf, run, smallFleetClusters } from '../support/small-fleet.js';

jest.setTimeout(120_000);
const startFleet = fleetBed();
const tree = mkdtempSync(join(tmpdir(), 'guard-shared-'));
const SHARED = 'components/shared';
const mesh = (cluster: string) => `clusters/dev/${cluster}/mesh.yaml`;
const dev = smallFleetClusters()
  .map((one) => one.cluster_id)
  .filter((id) => id.includes('-dev-'));

/** All dev clusters take the CRDs from one folder; istiod is their own, and does not wait for them. */
beforeAll(() => {
  cpSync('examples/fleet', tree, { recursive: true });
  cpSync(join(tree, `clusters/dev/${API}/istio/base.yaml`), join(tree, SHARED, 'base.yaml'));
  const flux = readFileSync(
    join(tree, 'clusters/staging/eks-staging-us-west-2-api/infrastructure/istio.yaml'),
    'utf8',
  );
  for (const id of dev) {
    rmSync(join(tree, `clusters/dev/${id}/istio/base.yaml`));
    const own = join(tree, istiodFile(id));
    writeFileSync(own, readFileSync(own, 'utf8').replace(/ {2}dependsOn:\n(?: {2,}[- ].*name.*\n)+/, ''));
    writeFileSync(
      join(tree, mesh(id)),
      flux.replace('./components/istio', `./${SHARED}`).replace(/ {2}postBuild:[\s\S]*/, ''),
    );
  }
});
afterAll(() => rmSync(tree, { recursive: true, force: true }));

const clusters: Cluster[] = smallFleetClusters().map(({ flux_config_path: _, ...one }) => ({
  ...one,
  flux_path: `clusters/${one.environment}/${one.cluster_id}`,
}));

describe('a place that the whole fleet shares', () => {
  it('is refused, with the names of the others, when nothing was asked for', async () => {
    const fleet = await startFleet({ tree, clusters });
    const { output } = await run(fleet);
    expect(output).toMatchObject({ outcome: 'refused' });
    expect(output?.reason).toMatch(/also decides for clusters that do not go there .*search/);
    expect(await gitlabRest(fleet).requests()).toEqual([]);
    expect(await held(fleet)).toEqual([]);
  });

  it('gets an override for the wave when the rollout asks: healthy, and nobody else moved', async () => {
    const fleet = await startFleet({ tree, clusters });
    const gitlab = gitlabRest(fleet);
    const { output } = await run(fleet, { structural: true, add_depends_on: true });
    expect(output).toMatchObject({ outcome: 'healthy', verdict: 'passed' });
    expect(await rolloutOf(fleet)).toMatchObject({ structural: true, addDependsOn: true });
    const { description } = await gitlab.request(1);
    expect(description).toContain('Inserted, for this wave alone');
    for (const id of [API, WEB]) {
      expect(description).toContain(mesh(id));
      expect(description).toContain(`${istiodFile(id)} spec.dependsOn`);
      expect(await gitlab.file(mesh(id))).toContain('value: 1.30.2');
      expect(await gitlab.file(istiodFile(id))).toContain('dependsOn:\n    - name: istio-base\n');
    }
    expect(await gitlab.file(`${SHARED}/base.yaml`)).toContain('1.29.4');
    for (const { versions, cluster_id } of await fleet.remote.registry.all())
      if (dev.includes(cluster_id))
        expect([cluster_id, versions.istio?.current]).toEqual([
          cluster_id,
          cluster_id === API || cluster_id === WEB ? '1.30.2' : '1.29.4',
        ]);
  });

  it('goes back in the override, when the configuration asks for it', async () => {
    const fleet = await startFleet({
      tree,
      clusters,
      configText: quickConfig((config) => {
        config.gitops = { structural: true };
      }),
      scenario: {
        seed: 7,
        clusters: { [WEB]: { regressions: [{ metric: 'latency_p99', factor: 3, version: '1.30' }] } },
      },
    });
    const { output } = await run(fleet);
    expect(output).toMatchObject({ outcome: 'rolled-back' });
    const gitlab = gitlabRest(fleet);
    for (const id of [API, WEB]) {
      expect(await gitlab.file(mesh(id))).toContain('value: 1.29.4');
      expect(await gitlab.file(istiodFile(id))).not.toContain('dependsOn');
    }
    expect(await gitlab.file(`${SHARED}/base.yaml`)).toContain('1.29.4');
  });
});
