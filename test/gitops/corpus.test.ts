import { describe, expect, it } from '@jest/globals';
import { isExactVersion } from '../../lib/domain/version.js';
import { bumpFiles } from '../../lib/gitops/bump.js';
import { planChange, resolveFleet } from '../../lib/gitops/plan.js';
import { GITOPS_TARGETS, gitopsTarget } from '../../lib/targets/gitops.js';
import { corpusText, corpusTree, hasCorpus } from '../support/corpus.js';

interface Pair {
  repo: string;
  path: string;
  dir: string;
  changes: { from: string; to: string }[];
  wave?: boolean;
}

interface Entry {
  file: string;
  component: string;
  version_locations: { doc: number; yaml_path: string; value: string; role: string }[];
}

/** Which target a pair's file belongs to, by its path; the first that fits. */
const TARGETS: readonly (readonly [string, string])[] = [
  ['external-secrets', 'helm:external-secrets'],
  ['cert-manager', 'cert-manager'],
  ['flagger-grafana', 'helm:grafana'],
  ['flagger', 'helm:flagger'],
  ['external-dns', 'external-dns'],
  ['ingress-nginx', 'ingress-nginx'],
  ['loki', 'loki'],
  ['grafana.yaml', 'helm:grafana'],
  ['keda', 'helm:keda'],
  ['envoy-gateway', 'helm:gateway-helm'],
  ['cilium', 'helm:cilium'],
  ['kgateway/crds', 'helm:kgateway-crds'],
  ['kgateway', 'helm:kgateway'],
  ['gitlab', 'helm:gitlab'],
  ['blackbox', 'helm:prometheus-blackbox-exporter'],
  ['istio', 'istio'],
];

const title = hasCorpus
  ? 'on real repositories'
  : 'on real repositories (skipped: ../shared/gitops-corpus is absent)';

(hasCorpus ? describe : describe.skip)(title, () => {
  it('reproduces every real commit to one exact version, to the byte', () => {
    const pairs = JSON.parse(corpusText('pairs.json')) as Pair[];
    const counts = { reproduced: 0, refused: 0, otherThings: 0 };
    const wrong: string[] = [];
    for (const pair of pairs) {
      const name = TARGETS.find(([part]) => pair.path.includes(part))?.[1];
      // An image reference is given as `operator:1.13.3`: the version is its tag.
      const to = pair.changes[0]!.to.replace(/^[a-z]+:/, '');
      // Two of the changed values are different versions, or the file belongs to no Helm chart at all.
      if (
        !name ||
        new Set(pair.changes.map((change) => change.to)).size > 1 ||
        /docker-compose|mcpserver/.test(pair.path)
      ) {
        counts.otherThings++;
        continue;
      }
      const before = corpusText(`pairs/${pair.dir}/${pair.path}.before`);
      const bump = bumpFiles(new Map([[pair.path, before]]), gitopsTarget(name), to);
      if (!isExactVersion(to)) {
        expect(bump.refused).not.toEqual([]);
        counts.refused++;
      } else if (bump.files[0]?.content === corpusText(`pairs/${pair.dir}/${pair.path}.after`))
        counts.reproduced++;
      else wrong.push(`${pair.dir}/${pair.path}: ${bump.refused[0] ?? JSON.stringify(bump.edits)}`);
    }
    expect(wrong).toEqual([]);
    expect(counts).toEqual({ reproduced: 91, refused: 4, otherThings: 4 });
  });

  it('finds every version of the targets, and touches nothing else', () => {
    const index = JSON.parse(corpusText('index.json')) as Entry[];
    const known = Object.keys(GITOPS_TARGETS).filter((name) => name !== 'datadog-agent');
    const components = new RegExp(`^(?:istio.*|${known.join('|')})$`);
    const wrong: string[] = [];
    const found = new Set<string>();
    for (const entry of index) {
      const file = new Map([[entry.file, corpusText(`files/${entry.file}`)]]);
      for (const name of known) {
        const bump = bumpFiles(file, gitopsTarget(name), '99.9.9');
        for (const { doc, path } of [...bump.edits, ...bump.skipped])
          found.add(`${entry.file} ${doc} ${path}`);
        for (const edit of bump.edits) {
          const listed = entry.version_locations.some(
            (one) => one.doc === edit.doc && one.yaml_path === edit.path && one.value === edit.from,
          );
          if (!listed && !edit.path.endsWith('.image')) wrong.push(`${entry.file} ${edit.path}`);
        }
      }
    }
    const missed = index
      .filter((entry) => components.test(entry.component))
      .flatMap((entry) =>
        entry.version_locations
          .filter(
            (one) =>
              /^(?:chart|substitute|configmap)$/.test(one.role) ||
              /ref\.(?:tag|semver)$|spec\.tag$/.test(one.yaml_path),
          )
          .filter((one) => !found.has(`${entry.file} ${one.doc} ${one.yaml_path}`))
          .map((one) => `${entry.file} ${one.doc} ${one.yaml_path} ${one.value}`),
      );
    expect(wrong).toEqual([]);
    // Another chart beside cert-manager: its webhook for a DNS provider.
    expect(missed).toEqual([expect.stringContaining('webhook-ionos')]);
  });

  it('resolves every cluster of the whole trees, or says truly why it cannot', () => {
    const radix = corpusTree('equinor__radix-flux');
    const clusters = ['c2-production', 'c3', 'development', 'monitoring', 'playground', 'production'];
    const fleet = clusters.map((cluster_id) => ({ cluster_id }));
    const versions = (tree: Map<string, string>, members: { cluster_id: string }[], name: string) =>
      [...resolveFleet(tree, members, gitopsTarget(name)).values()].map((one) => one.version ?? one.class);
    expect(versions(radix, fleet, 'istio')).toEqual(Array(6).fill('1.30.2'));
    expect(versions(radix, fleet, 'cert-manager')).toEqual(Array(6).fill('1.21.1'));
    expect(new Set(versions(radix, fleet, 'external-dns'))).toEqual(new Set(['cannot-tell']));
    const sdp = corpusTree('equinor__sdp-fluxv2');
    const two = [{ cluster_id: 'dev' }, { cluster_id: 'prod' }];
    for (const name of ['cert-manager', 'ingress-nginx', 'external-dns']) {
      expect(versions(sdp, two, name)).toEqual(['range', 'range']);
    }
    const example = corpusTree('fluxcd__flux2-kustomize-helm-example');
    const stages = [{ cluster_id: 'staging' }, { cluster_id: 'production' }];
    expect(versions(example, stages, 'cert-manager')).toEqual(['range', 'range']);
    expect(versions(example, stages, 'helm:podinfo')).toEqual(['range', 'range']);
  });

  it('plans the real waves of a fleet to the same bytes', () => {
    const pairs = (JSON.parse(corpusText('pairs.json')) as Pair[]).filter(
      (pair) =>
        pair.wave && pair.repo === 'equinor/radix-flux' && /(?:istio|cert-manager)\.yaml$/.test(pair.path),
    );
    const fleet = ['c2-production', 'c3', 'development', 'monitoring', 'playground', 'production'].map(
      (cluster_id) => ({ cluster_id }),
    );
    const base = corpusTree('equinor__radix-flux');
    for (const pair of pairs) {
      const tree = new Map(base).set(pair.path, corpusText(`pairs/${pair.dir}/${pair.path}.before`));
      const wave = new Map([[pair.path.split('/')[1]!, pair.changes[0]!.to]]);
      const name = pair.path.endsWith('istio.yaml') ? 'istio' : 'cert-manager';
      const plan = planChange({ tree, fleet, wave, target: gitopsTarget(name) });
      expect(plan.refused).toEqual([]);
      const files = plan.commits.flatMap((commit) => commit.files);
      expect(files.map((file) => [file.path, file.content])).toEqual([
        [pair.path, corpusText(`pairs/${pair.dir}/${pair.path}.after`)],
      ]);
    }
    expect(pairs.length).toBe(12);
  });
});
