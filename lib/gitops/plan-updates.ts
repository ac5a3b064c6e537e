import type { PlanedSplice } from './commits.js';
import type { SourceDocument } from './documents.js';
import type { Context } from './flux.js';
import type { Hit } from './hit.js';
import type { PlannedEdit, PlanRequest, Refusal } from './plan-contract.js';
import type { Users } from './reach.js';
import type { Repository } from './repository.js';
import type { Resolution } from './resolve.js';
import { type LocatedUpdate, locateUpdates } from './upgrade-spec.js';

/**
 * The updates of an upgrade spec for every cluster of the wave: each has one place among the documents that
 * lead to the cluster's version. @throws UsageError when it has none there, or several
 */
export function updatesOf(
  repository: Repository,
  request: PlanRequest,
  resolutions: ReadonlyMap<string, Resolution>,
): LocatedUpdate[] {
  const { updates = [] } = request;
  if (updates.length === 0) return [];
  const found = new Map<string, LocatedUpdate>();
  for (const id of request.wave.keys()) {
    const documents = documentsOf(repository, resolutions.get(id)?.hits ?? []);
    for (const one of locateUpdates(repository, documents, updates, `for ${id}, `))
      found.set(`${one.file}#${one.start}#${one.path}`, one);
  }
  return [...found.values()];
}

/** The documents on the way to a cluster's version: Flux Kustomizations, kustomizations, releases, values. */
function documentsOf(repository: Repository, hits: readonly Hit[]): SourceDocument[] {
  const documents = new Map<string, SourceDocument>();
  const add = (file: string, doc: number): void => {
    const document = repository.documents(file)[doc];
    if (document) documents.set(`${file}#${doc}`, document);
  };
  for (const hit of hits) {
    add(hit.file, hit.doc);
    for (const { resource, context } of [hit.item, hit.holder]) {
      add(resource.file, resource.doc);
      for (const file of resource.via) add(file, 0);
      for (let at: Context | undefined = context; at?.flux; at = at.parent) add(at.flux.file, at.flux.doc);
    }
  }
  return [...documents.values()];
}

/** Whether an update writes the place that holds a version: what it says counts then. */
export function isWritten(hit: Hit, updates: readonly LocatedUpdate[]): boolean {
  return updates.some(({ file, doc, path, start, end }) =>
    hit.token
      ? file === hit.token.file && start <= hit.token.start && end >= hit.token.end
      : hit.override !== undefined &&
        file === hit.override.item.resource.file &&
        doc === hit.override.item.resource.doc &&
        path === hit.override.keys.join('.'),
  );
}

/** The bytes of the updates, or whom else they would reach. */
export function plannedUpdates(
  located: readonly LocatedUpdate[],
  request: PlanRequest,
  resolutions: ReadonlyMap<string, Resolution>,
  users: () => Users,
): { splices: PlanedSplice[]; described: PlannedEdit[]; refused: Refusal[] } {
  const refused: Refusal[] = [];
  const splices: PlanedSplice[] = [];
  const described: PlannedEdit[] = [];
  for (const { file, doc, path, from, to, start, end, text } of located) {
    const outside = reachOfPlace(file, doc, resolutions, users()).filter((id) => !request.wave.has(id));
    if (outside.length > 0) {
      refused.push({
        reason: `${file} ${path} is also used by clusters outside the wave`,
        clusters: outside,
        hint: 'add them to the wave, or give the wave a file of its own first',
      });
      continue;
    }
    // The same text is there already.
    if (from === to) continue;
    splices.push({ file, start, end, text, plane: 'control' });
    described.push({ file, doc, path, from, to });
  }
  return { splices, described, refused };
}

function reachOfPlace(
  file: string,
  doc: number,
  resolutions: ReadonlyMap<string, Resolution>,
  users: Users,
): string[] {
  const reach = new Set([...(users.get(`${file}#${doc}`) ?? []), ...(users.get(file) ?? [])]);
  // A patch file is no object of its own: whoever takes anything from it uses it.
  for (const [id, { hits }] of resolutions) if (hits.some((hit) => hit.file === file)) reach.add(id);
  return [...reach].sort();
}
