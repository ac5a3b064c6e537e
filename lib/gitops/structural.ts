import type { PlanedSplice } from './commits.js';
import type { FleetMember } from './fleet.js';
import type { Item } from './flux.js';
import type { Hit } from './hit.js';
import type { Insertion } from './insert.js';
import { insertInto } from './insert.js';
import { get, isMap, itemsAt, textAt } from './node.js';
import type { Change, PlanRequest, Refusal } from './plan-contract.js';
import type { Users } from './reach.js';
import { usersOf } from './reach.js';
import type { Repository } from './repository.js';
import type { Resolution } from './resolve.js';
import type { Resource } from './resource.js';
import { dirOf } from './tree.js';

/** Overrides for the wave alone: insertions into files, and new files. */
export interface Structural {
  readonly splices: readonly PlanedSplice[];
  readonly files: ReadonlyMap<string, string | undefined>;
  readonly described: readonly { file: string; doc: number; path: string; from: string; to: string }[];
}

/** One place that gets overrides: a Flux Kustomization's document, or a kustomization file. */
interface Seat {
  readonly file: string;
  readonly doc: number;
  readonly flux: boolean;
  readonly substitutes: Map<string, string>;
  readonly patches: Map<string, Override>;
}

interface Override {
  readonly resource: Resource;
  readonly keys: readonly string[];
  readonly value: string;
}

/**
 * For places shared beyond the wave: a key in the cluster's own `postBuild.substitute` when a variable decides,
 * else a patch in the nearest Flux Kustomization or kustomization file that only the wave uses.
 */
export function structuralChange(
  repository: Repository,
  request: PlanRequest,
  everyone: readonly FleetMember[],
  before: ReadonlyMap<string, Resolution>,
  wide: readonly Change[],
): Structural | { refused: Refusal[] } {
  if (wide.length === 0) return { splices: [], files: new Map(), described: [] };
  const users = usersOf(repository, everyone);
  const seats = new Map<string, Seat>();
  const refused: Refusal[] = [];
  for (const change of wide) {
    for (const cluster of change.clusters) {
      const hits = (before.get(cluster)?.hits ?? []).filter(
        (hit) => hit.deciding && hit.token?.id === change.token.id,
      );
      if (hits.length === 0) {
        refused.push({
          reason: `${change.token.file} ${change.token.path} is shared with clusters outside the wave, and must move with it`,
          clusters: [cluster],
          hint: 'give the wave its own copy first, or move all clusters together',
        });
      }
      for (const hit of hits) {
        const problem = seatFor(hit, change, request, users, seats);
        if (problem) {
          const reason = `${change.token.file} ${change.token.path} is shared, and the layout has no place for an override: ${problem}`;
          const known = refused.find((one) => one.reason === reason);
          if (known) known.clusters.push(cluster);
          else
            refused.push({
              reason,
              clusters: [cluster],
              hint: 'give the wave a kustomization of its own first, or move all clusters together',
            });
        }
      }
    }
  }
  if (refused.length > 0) return { refused };
  return write(repository, seats);
}

function seatFor(
  hit: Hit,
  change: Change,
  request: PlanRequest,
  users: Users,
  seats: Map<string, Seat>,
): string | undefined {
  const own = (key: string) => [...(users.get(key) ?? ['?'])].every((id) => request.wave.has(id));
  // Flux writes gotk-sync.yaml itself, and overwrites it.
  const ownFlux = ({ context: { flux } }: Item): Resource | undefined =>
    flux && !flux.file.endsWith('/gotk-sync.yaml') && own(`${flux.file}#${flux.doc}`) ? flux : undefined;
  const variable = change.token.variables.length === 1 ? change.token.variables[0] : undefined;
  const substituting = ownFlux(hit.holder);
  if (variable !== undefined && substituting) {
    return set(seat(seats, substituting).substitutes, variable, change.to);
  }
  if (hit.override === undefined) return 'a single value of a ConfigMap (valuesFrom with targetPath) wins';
  const patched = hit.override.item;
  const override: Override = {
    resource: patched.resource,
    keys: hit.override.keys,
    value: change.token.prefix + change.to + change.token.suffix,
  };
  const key = `${patched.resource.kind} ${patched.resource.name} ${override.keys.join('/')}`;
  const flux = ownFlux(patched);
  if (flux) return setPatch(seat(seats, flux), key, override);
  const file = [...patched.resource.via].reverse().find(own);
  if (file === undefined) return 'every kustomization on the way is used by other clusters too';
  let found = seats.get(file);
  if (!found) {
    found = { file, doc: 0, flux: false, substitutes: new Map(), patches: new Map() };
    seats.set(file, found);
  }
  return setPatch(found, key, override);
}

function seat(seats: Map<string, Seat>, flux: Resource): Seat {
  const key = `${flux.file}#${flux.doc}`;
  let found = seats.get(key);
  if (!found) {
    found = { file: flux.file, doc: flux.doc, flux: true, substitutes: new Map(), patches: new Map() };
    seats.set(key, found);
  }
  return found;
}

function set(map: Map<string, string>, key: string, value: string): string | undefined {
  const known = map.get(key);
  map.set(key, value);
  return known === undefined || known === value ? undefined : `${key} would need two values`;
}

function setPatch(found: Seat, key: string, override: Override): string | undefined {
  const known = found.patches.get(key);
  found.patches.set(key, override);
  return known === undefined || known.value === override.value ? undefined : `${key} would need two values`;
}

function write(
  repository: Repository,
  seats: ReadonlyMap<string, Seat>,
): Structural | { refused: Refusal[] } {
  const splices: PlanedSplice[] = [];
  const files = new Map<string, string | undefined>();
  const described: { file: string; doc: number; path: string; from: string; to: string }[] = [];
  const refused: Refusal[] = [];
  for (const found of seats.values()) {
    const text = repository.text(found.file) ?? '';
    const root = repository.documents(found.file)[found.doc]?.root;
    const prefix = found.flux ? ['spec'] : [];
    const insertions: Insertion[] = [];
    if (found.substitutes.size > 0) {
      insertions.push({
        keys: ['spec', 'postBuild', 'substitute'],
        entries: [...found.substitutes].map(([key, value]) => [key, value] as const),
      });
      for (const [key, value] of found.substitutes) {
        described.push({
          file: found.file,
          doc: found.doc,
          path: `spec.postBuild.substitute.${key}`,
          from: '',
          to: value,
        });
      }
    }
    if (found.patches.size > 0) {
      const start = itemsAt(root, ...prefix, 'patches').length;
      const beside =
        !found.flux && itemsAt(root, 'patches').some((entry) => textAt(entry, 'path') !== undefined);
      const items = [...found.patches.values()].map((override) =>
        item(override, beside, found.file, repository, files),
      );
      insertions.push({ keys: [...prefix, 'patches'], items });
      [...found.patches.values()].forEach((override, index) => {
        const path = [...prefix, `patches[${start + index}]`].join('.');
        described.push({ file: found.file, doc: found.doc, path, from: '', to: override.value });
      });
    }
    for (const insertion of insertions) {
      const splice = insertInto(root, found.file, text, insertion);
      if (splice) splices.push({ ...splice, plane: 'control' });
      else {
        refused.push({
          reason: `${found.file}: ${insertion.keys.join('.')} is written in a form that nothing can be inserted into safely`,
          clusters: [],
          hint: 'rewrite it in block style, or add the override by hand',
        });
      }
    }
  }
  return refused.length > 0 ? { refused } : { splices, files, described };
}

/** A patch entry; where the others are files, its body becomes a new file beside them. */
function item(
  override: Override,
  beside: boolean,
  file: string,
  repository: Repository,
  files: Map<string, string | undefined>,
): string[] {
  const { kind, name: own } = override.resource;
  const body = bodyOf(override);
  const target = ['target:', `  kind: ${kind}`, `  name: ${own}`];
  if (!beside) return [...target, 'patch: |', ...body.map((line) => `  ${line}`)];
  const dir = dirOf(file);
  const base = `${own}-version`;
  let name = `${base}.yaml`;
  for (let count = 2; taken(repository, files, dir, name); count++) name = `${base}-${count}.yaml`;
  files.set(dir === '' ? name : `${dir}/${name}`, `${body.join('\n')}\n`);
  return [`path: ${name}`, ...target];
}

/** JSON6902 `add` needs the map that it adds to; where that is missing, a merge makes the way. */
function bodyOf({ resource, keys, value }: Override): string[] {
  if (isMap(get(resource.node, ...keys.slice(0, -1)))) {
    const pointer = keys.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
    return ['- op: add', `  path: ${pointer}`, `  value: ${value}`];
  }
  return [
    `apiVersion: ${resource.apiVersion}`,
    `kind: ${resource.kind}`,
    'metadata:',
    `  name: ${resource.name}`,
    ...keys.map(
      (key, depth) => `${'  '.repeat(depth)}${key}:${depth === keys.length - 1 ? ` ${value}` : ''}`,
    ),
  ];
}

function taken(
  repository: Repository,
  files: ReadonlyMap<string, string | undefined>,
  dir: string,
  name: string,
): boolean {
  const path = dir === '' ? name : `${dir}/${name}`;
  return repository.text(path) !== undefined || files.has(path);
}
