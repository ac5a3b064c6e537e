import { compareVersions, parseVersion } from '../domain/version.js';
import { dependencyGaps } from './depends-on.js';
import type { Context } from './flux.js';
import type { Hit } from './hit.js';
import { get, textAt } from './node.js';
import type { PlanRequest } from './plan-contract.js';
import type { Resolution } from './resolve.js';
import type { Resource } from './resource.js';
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
      // A rollback goes back, and by no other step than it came.
      ...(request.onlyFrom ? [] : stepWarnings(charts, to)),
      ...suspendWarnings(charts),
      ...(request.addDependsOn ? [] : dependencyWarnings(before.get(id))),
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

/** What Flux does not reconcile stays where it is, whatever Git says. */
function suspendWarnings(charts: readonly Hit[]): string[] {
  return charts.flatMap((hit) => {
    const suspended = (resource: Resource) => textAt(resource.node, 'spec', 'suspend') === 'true';
    if (suspended(hit.item.resource))
      return [`${hit.release} (${hit.item.resource.file}) is suspended, so Flux will not upgrade it`];
    for (let at: Context | undefined = hit.item.context; at?.flux; at = at.parent) {
      if (suspended(at.flux))
        return [`Kustomization ${at.flux.name} (${at.flux.file}) is suspended, so Flux will not apply this`];
    }
    return [];
  });
}

function dependencyWarnings(resolution: Resolution | undefined): string[] {
  return dependencyGaps(resolution).map(({ hit, earlier }) => {
    const names = earlier.map((other) => other.release).join(' or ');
    return `${hit.release} (${hit.file}) has no dependsOn for ${names}, so Flux may upgrade it first`;
  });
}

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
