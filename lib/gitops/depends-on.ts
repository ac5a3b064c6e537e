import type { PlanedSplice } from './commits.js';
import type { Context } from './flux.js';
import { scopeFor } from './flux-scope.js';
import type { Hit } from './hit.js';
import { insertInto } from './insert.js';
import type { Node } from './node.js';
import { get, itemsAt, textAt } from './node.js';
import type { PlannedEdit, PlanRequest, Refusal } from './plan-contract.js';
import type { Users } from './reach.js';
import type { Repository } from './repository.js';
import type { Resolution } from './resolve.js';
import { readText } from './substitute.js';

/** A release that Flux may upgrade before one that must come first. */
export interface DependencyGap {
  readonly hit: Hit;
  /** Releases of earlier planes; a `dependsOn` for one of them is enough. */
  readonly earlier: readonly Hit[];
}

const RANKS = { crds: 0, control: 1, data: 2 } as const;

/** Each component must wait for one of the ones before it: by its release, or by its Flux Kustomization. */
export function dependencyGaps(resolution: Resolution | undefined): DependencyGap[] {
  const charts = (resolution?.hits ?? []).filter((hit) => hit.role === 'chart' && hit.deciding);
  return charts.flatMap((hit) => {
    const earlier = charts.filter((other) => RANKS[other.plane] < RANKS[hit.plane]);
    if (earlier.length === 0) return [];
    const { resource, context } = hit.item;
    const names = namesAt(resource.node, context, hit);
    const own = earlier.some(
      (other) => names.includes(other.release) || names.includes(other.item.resource.name),
    );
    if (own || earlier.some((other) => waits(context, other.item.context))) return [];
    return [{ hit, earlier }];
  });
}

function namesAt(node: Node, context: Context, hit: Hit): string[] {
  const scope = scopeFor(hit.item.resource, context);
  return itemsAt(node, 'spec', 'dependsOn').map((one) => readText(get(one, 'name'), scope).text);
}

/** Whether one Flux Kustomization, or one above it, waits for the other. */
function waits(context: Context, other: Context): boolean {
  if (other.flux === undefined) return false;
  for (let at: Context | undefined = context; at?.flux; at = at.parent) {
    const names = itemsAt(at.flux.node, 'spec', 'dependsOn').map((one) => textAt(one, 'name'));
    if (names.includes(other.flux.name)) return true;
  }
  return false;
}

/** The insertions that close every gap of the wave, or why one has no certain place. */
export function addedDependencies(
  repository: Repository,
  request: PlanRequest,
  resolutions: ReadonlyMap<string, Resolution>,
  users: () => Users,
): { splices: PlanedSplice[]; described: PlannedEdit[]; refused: Refusal[] } {
  const wanted = new Map<string, { hit: Hit; entry: readonly string[]; clusters: string[] }>();
  const refused: Refusal[] = [];
  const refuse = (hit: Hit, reason: string, clusters: string[]): void => {
    refused.push({
      reason: `${hit.release} (${hit.item.resource.file}): its dependsOn cannot be added: ${reason}`,
      clusters,
      hint: 'add it by hand first, or plan without --add-depends-on',
    });
  };
  for (const id of request.wave.keys()) {
    for (const { hit, earlier } of dependencyGaps(resolutions.get(id))) {
      const { file, doc } = hit.item.resource;
      const entry = entryFor(hit, nearest(earlier));
      if (typeof entry === 'string') {
        refuse(hit, entry, [id]);
        continue;
      }
      const known = wanted.get(`${file}#${doc}`);
      if (!known) wanted.set(`${file}#${doc}`, { hit, entry, clusters: [id] });
      else if (known.entry.join() === entry.join()) known.clusters.push(id);
      else refuse(hit, `it would need both ${known.entry.join(', ')} and ${entry.join(', ')}`, [id]);
    }
  }
  const splices: PlanedSplice[] = [];
  const described: PlannedEdit[] = [];
  for (const [key, { hit, entry, clusters }] of wanted) {
    const others = [...(users().get(key) ?? [])].filter((id) => !request.wave.has(id)).sort();
    if (others.length > 0) {
      refuse(hit, 'clusters outside the wave use the same file', others);
      continue;
    }
    const { file, doc } = hit.item.resource;
    const root = repository.documents(file)[doc]?.root;
    const plain =
      textAt(root, 'kind') === 'HelmRelease' &&
      textAt(root, 'metadata', 'name') === hit.item.resource.ids[0]?.name;
    const splice = plain
      ? insertInto(root, file, repository.text(file) ?? '', { keys: ['spec', 'dependsOn'], items: [entry] })
      : undefined;
    if (!splice) {
      refuse(hit, 'the document is written in a form that nothing can be inserted into safely', clusters);
      continue;
    }
    splices.push({ ...splice, plane: hit.plane });
    const index = itemsAt(root, 'spec', 'dependsOn').length;
    described.push({
      file,
      doc,
      path: `spec.dependsOn[${index}].name`,
      from: '',
      to: entry[0]!.slice('name: '.length),
    });
  }
  return { splices, described, refused };
}

/** Of the last plane before it, and there the one that carries the target's version. */
function nearest(earlier: readonly Hit[]): Hit {
  const rank = Math.max(...earlier.map((hit) => RANKS[hit.plane]));
  const last = earlier.filter((hit) => RANKS[hit.plane] === rank);
  return last.find((hit) => hit.primary) ?? last[0]!;
}

/** The lines of the list item, or why they are not certain. */
function entryFor(hit: Hit, before: Hit): readonly string[] | string {
  const namespace = (one: Hit) =>
    readText(
      get(one.item.resource.node, 'metadata', 'namespace'),
      scopeFor(one.item.resource, one.item.context),
    ).text;
  const [own, other] = [namespace(hit), namespace(before)];
  const name = /^[a-z0-9][a-z0-9.-]*$/;
  if (!name.test(before.release)) return `the name of ${before.release} is not certain`;
  if (own === other) return [`name: ${before.release}`];
  if (!name.test(other)) return `the namespace of ${before.release} is not certain`;
  return [`name: ${before.release}`, `namespace: ${other}`];
}
