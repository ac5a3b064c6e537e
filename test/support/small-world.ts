import type { Cluster } from '../../lib/domain/cluster.js';
import type { EngineClock } from '../../lib/local/clock.js';
import type { Scenario } from '../../lib/simulation/scenario.js';
import type { World } from '../../lib/simulation/world.js';

export const BEGINNING = Date.parse('2026-06-01T08:00:00Z');
export const MINUTE = 60_000;

/** A world whose clock is moved by hand, with two clusters: `alpha` by literals, `beta` by a variable. */
export interface SmallWorld extends World {
  readonly written: { kind: string; at: number; [key: string]: unknown }[];
  scenario: Scenario;
  /** Minutes since the beginning. */
  go(minutes: number): void;
  /** A new commit on main, now. */
  push(change: (files: Map<string, string>) => void): string;
}

export function clusterItem(id: string, more: Partial<Cluster> = {}): Cluster {
  return {
    cluster_id: id,
    batch_id: 'test',
    environment: 'test',
    region: 'eu-west-1',
    gitlab_repo: 'infra/fleet',
    aws_role_arn: `arn:aws:iam::111111111111:role/guard-${id}`,
    datadog_tags: { env: 'test' },
    owner_team: 'platform',
    owner_handle: '@platform',
    status: 'healthy',
    versions: { istio: { current: '1.29.4' } },
    version: 1,
    last_updated: '2026-05-01T00:00:00Z',
    upgrade_history: [],
    metadata: {},
    ...more,
  };
}

export function smallWorld(
  scenario: Partial<Scenario> = {},
  fleet = [clusterItem('alpha'), clusterItem('beta')],
): SmallWorld {
  let now = BEGINNING;
  const clock: EngineClock = {
    now: () => now,
    at: () => ({ cancel: () => undefined }),
    busy: (work) => work(),
    stop: () => undefined,
  };
  const heads = [{ sha: 'a'.repeat(40), at: BEGINNING }];
  const commits = new Map([[heads[0]!.sha, tree()]]);
  const written: SmallWorld['written'] = [];
  return {
    clock,
    scenario: { seed: 7, ...scenario },
    fleet,
    written,
    git: {
      heads: (_project, branch) => (branch === 'main' ? heads : []),
      files: (sha) => commits.get(sha)!,
    },
    commands: { append: (command) => written.push(command) },
    go(minutes) {
      now = BEGINNING + minutes * MINUTE;
    },
    push(change) {
      const files = new Map(commits.get(heads.at(-1)!.sha));
      change(files);
      const sha = heads.length.toString(16).padStart(40, 'b');
      commits.set(sha, files);
      heads.push({ sha, at: now });
      return sha;
    },
  };
}

/** Sets Istio's version for one cluster in the tree. */
export function setVersion(files: Map<string, string>, cluster: string, from: string, to: string): void {
  for (const [path, text] of files)
    if (path.startsWith(`clusters/${cluster}/`)) files.set(path, text.replaceAll(from, to));
}

function tree(): Map<string, string> {
  const release = (
    name: string,
    namespace: string,
    chart: string,
    version: string,
    dependsOn = '',
  ) => `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: ${name}
  namespace: ${namespace}
spec:
  interval: 30m
  ${dependsOn}
  chart:
    spec:
      chart: ${chart}
      version: ${version}
      sourceRef:
        kind: HelmRepository
        name: istio
        namespace: flux-system
`;
  const releases = (version: string): [string, string][] => [
    ['base.yaml', release('istio-base', 'istio-system', 'base', version)],
    ['istiod.yaml', release('istiod', 'istio-system', 'istiod', version, 'dependsOn: [{name: istio-base}]')],
    [
      'gateway.yaml',
      release(
        'ingress',
        'istio-ingress',
        'gateway',
        version,
        'dependsOn: [{name: istiod, namespace: istio-system}]',
      ),
    ],
  ];
  const sync = (cluster: string) => `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: flux-system
  namespace: flux-system
spec:
  interval: 10m
  path: ./clusters/${cluster}
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
`;
  return new Map([
    ['clusters/alpha/flux-system/gotk-sync.yaml', sync('alpha')],
    ...releases('1.29.4').map(([name, text]): [string, string] => [`clusters/alpha/istio/${name}`, text]),
    ['clusters/beta/flux-system/gotk-sync.yaml', sync('beta')],
    [
      'clusters/beta/istio.yaml',
      `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: istio
  namespace: flux-system
spec:
  interval: 5m
  path: ./components/istio
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
  postBuild:
    substitute:
      ISTIO_VERSION: 1.29.4
`,
    ],
    ...releases('${ISTIO_VERSION}').map(([name, text]): [string, string] => [
      `components/istio/${name}`,
      text,
    ]),
    ['components/istio/kustomization.yaml', 'resources: [base.yaml, istiod.yaml, gateway.yaml]\n'],
  ]);
}
