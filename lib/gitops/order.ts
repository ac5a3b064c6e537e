import { compareVersions, parseVersion } from '../domain/version.js';
import { get, itemsAt, textAt } from './node.js';
import type { PlanRequest } from './plan.js';
import type { Hit, Resolution } from './resolve.js';
import type { TargetGitops } from './target.js';

/** What the change itself cannot make right, and a reader of the merge request must know. */
export function orderWarnings(request: PlanRequest, before: ReadonlyMap<string, Resolution>): string[] {
  const warnings = new Map<string, string[]>();
  const warn = (text: string, cluster: string): void => {
    const known = warnings.get(text);
    if (known) known.push(cluster);
    else warnings.set(text, [cluster]);
  };
  for (const [id, to] of request.wave) {
    const charts = (before.get(id)?.hits ?? []).filter((hit) => hit.role === 'chart' && hit.deciding);
    for (const text of [
      ...stepWarnings(charts, to),
      ...dependencyWarnings(charts),
      ...crdWarnings(charts, to, request.target),
    ]) {
      warn(text, id);
    }
  }
  return [...warnings].map(([text, clusters]) => `${text} (${named(clusters)})`);
}

function named(clusters: readonly string[]): string {
  return clusters.length > 5
    ? `${clusters.slice(0, 5).join(', ')} and ${clusters.length - 5} more`
    : clusters.join(', ');
}

function stepWarnings(charts: readonly Hit[], to: string): string[] {
  const target = parseVersion(to);
  const from = charts.map((hit) => parseVersion(hit.value)).find((version) => version !== undefined);
  if (!target || !from) return [];
  if (compareVersions(target, from) < 0) return [`${to} is older than what is there`];
  const steps = target.major === from.major ? target.minor - from.minor : 2;
  return steps > 1
    ? [`${from.major}.${from.minor} to ${target.major}.${target.minor} skips a minor version`]
    : [];
}

/** Each component must wait for the ones before it, so that Flux upgrades them in order. */
function dependencyWarnings(charts: readonly Hit[]): string[] {
  const result: string[] = [];
  for (const hit of charts) {
    if (hit.plane === 'crds') continue;
    const earlier = charts.filter((other) => RANKS[other.plane] < RANKS[hit.plane]);
    if (earlier.length === 0) continue;
    const { resource, context } = hit.item;
    const names = itemsAt(resource.node, 'spec', 'dependsOn').map((one) => textAt(one, 'name'));
    const own = earlier.some(
      (other) => names.includes(other.release) || names.includes(other.item.resource.name),
    );
    const flux = itemsAt(context.flux?.node, 'spec', 'dependsOn').map((one) => textAt(one, 'name'));
    const byFlux = earlier.some((other) => flux.includes(other.item.context.flux?.name));
    if (!own && !byFlux) {
      const names = earlier.map((other) => other.release).join(' or ');
      result.push(`${hit.release} (${hit.file}) has no dependsOn for ${names}, so Flux may upgrade it first`);
    }
  }
  return result;
}

const RANKS = { crds: 0, control: 1, data: 2 } as const;

/** external-apis E3: CRDs in the chart's `crds/` folder are skipped by default; crossing over needs adoption. */
function crdWarnings(charts: readonly Hit[], to: string, target: TargetGitops): string[] {
  const limit = target.crdsFolderBelow ? parseVersion(target.crdsFolderBelow) : undefined;
  const version = parseVersion(to);
  if (!limit || !version) return [];
  return charts.flatMap((hit) => {
    if (hit.plane !== 'crds') return [];
    const from = parseVersion(hit.value);
    if (!from) return [];
    const policy = textAt(get(hit.item.resource.node, 'spec', 'upgrade'), 'crds') ?? 'Skip';
    if (compareVersions(version, limit) < 0) {
      if (policy === 'CreateReplace') return [];
      return [
        `${hit.release}: below ${target.crdsFolderBelow} its CRDs are only upgraded with spec.upgrade.crds: CreateReplace; it is ${policy}`,
      ];
    }
    if (compareVersions(from, limit) >= 0) return [];
    return [
      `${hit.release} crosses ${target.crdsFolderBelow}: its CRDs become templates, and the upgrade fails until the existing CRDs carry Helm's ownership (label app.kubernetes.io/managed-by=Helm, annotations meta.helm.sh/release-name and release-namespace)`,
    ];
  });
}
