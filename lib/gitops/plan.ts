import { isExactVersion } from '../domain/version.js';
import type { Commit, PlanedSplice } from './commits.js';
import { commitsOf } from './commits.js';
import { coupledEdits } from './couple.js';
import { unifiedDiff } from './diff.js';
import { spliceTree } from './edit.js';
import type { FleetMember } from './fleet.js';
import { strangers } from './fleet.js';
import { namedElsewhere, versionedFolders, versionedValues } from './folders.js';
import { formatPath } from './node.js';
import { orderWarnings } from './order.js';
import { reachOf, usersOf } from './reach.js';
import type { Repository } from './repository.js';
import { repositoryOf } from './repository.js';
import type { Hit, HitClass, Resolution } from './resolve.js';
import { resolveMember } from './resolve.js';
import { structuralChange } from './structural.js';
import type { Plane, TargetGitops } from './target.js';
import type { Token } from './token.js';
import { textFor } from './token.js';
import type { Tree } from './tree.js';
import { isUnder, joinPath } from './tree.js';
import { verifyChange } from './verify.js';
import { sameNumber, spellLike } from './version-text.js';

export { type FleetMember, fluxPathOf } from './fleet.js';
export { type HitClass, type Resolution, resolveFleet } from './resolve.js';

export interface PlanRequest {
  readonly tree: Tree;
  /** Every cluster of the repository, not only the wave: an edit's reach is computed over all of them. */
  readonly fleet: readonly FleetMember[];
  /** cluster_id to the version that it goes to. */
  readonly wave: ReadonlyMap<string, string>;
  readonly target: TargetGitops;
  /** Insert an override for the wave where a place is shared with other clusters. */
  readonly structural?: boolean;
  /** cluster_id to the version that its places must still have; others are refused (rollback). */
  readonly onlyFrom?: ReadonlyMap<string, string>;
}

export interface Plan {
  readonly clusters: readonly PlannedCluster[];
  readonly reach: readonly { file: string; doc: number; path: string; clusters: string[] }[];
  readonly edits: readonly PlannedEdit[];
  readonly coupled: readonly (PlannedEdit & { readonly reason: string })[];
  /** Not empty: nothing may be written, and `edits` and `commits` are empty. */
  readonly refused: readonly Refusal[];
  readonly warnings: readonly string[];
  readonly commits: readonly Commit[];
  /** Unified. */
  readonly diff: string;
}

export interface PlannedCluster {
  readonly cluster: string;
  readonly from: string;
  readonly to: string;
  readonly file: string;
  readonly doc: number;
  readonly path: string;
  readonly via: string[];
  readonly class: HitClass;
}

export interface PlannedEdit {
  readonly file: string;
  readonly doc: number;
  readonly path: string;
  readonly from: string;
  readonly to: string;
}

export interface Refusal {
  readonly reason: string;
  readonly clusters: string[];
  readonly hint: string;
}

/** An edit on its way: where, what, for whom. */
export interface Change {
  readonly token: Token;
  readonly to: string;
  readonly plane: Plane;
  readonly clusters: Set<string>;
  /** Why it moves with the others; `undefined` for a version's own place. */
  readonly coupled?: string;
  /** Its reach is who uses its file, not who takes a version from it. */
  readonly byFile?: boolean;
}

/** Computes the change that moves exactly the wave, or says why there is none. Pure; throws only on faults. */
export function planChange(request: PlanRequest): Plan {
  return new Planner(request).plan();
}

class Planner {
  private readonly repository: Repository;
  private readonly request: PlanRequest;
  private readonly refused: Refusal[] = [];
  private readonly warnings = new Set<string>();
  private readonly rows: PlannedCluster[] = [];
  private readonly changes = new Map<string, Change>();
  private readonly renames = new Map<string, { next: string; by: string }>();

  constructor(request: PlanRequest) {
    this.request = request;
    this.repository = repositoryOf(request.tree);
  }

  plan(): Plan {
    const { fleet, wave, target } = this.request;
    this.checkWave();
    const before = new Map<string, Resolution>();
    for (const member of fleet) before.set(member.cluster_id, resolveMember(this.repository, member, target));
    const others = strangers(this.repository, fleet).map((root) => ({
      cluster_id: `${root} (not in the fleet)`,
      flux_path: root,
    }));
    for (const member of others)
      before.set(member.cluster_id, resolveMember(this.repository, member, target));
    const everyone = [...fleet, ...others];
    for (const member of fleet) {
      const to = wave.get(member.cluster_id);
      if (to !== undefined) this.cluster(member, to, before.get(member.cluster_id)!);
    }
    const reach = reachOf(before);
    for (const change of coupledEdits(this.repository, this.request, before, (message) =>
      this.warnings.add(message),
    )) {
      if ('reason' in change) this.refused.push(change);
      else this.add(change);
    }
    this.addCoupledReach(reach, everyone);
    const narrow = this.checkReach(reach);
    if (this.refused.length > 0) return this.result(reach, [], []);
    const made = structuralChange(this.repository, this.request, everyone, before, [...narrow.wide]);
    if ('refused' in made) {
      this.refused.push(...made.refused);
      return this.result(reach, [], []);
    }
    const splices: PlanedSplice[] = [
      ...narrow.own.map(({ token, to, plane }) => ({
        file: token.file,
        start: token.start,
        end: token.end,
        text: to,
        plane,
      })),
      ...made.splices,
    ];
    const after = spliceTree(this.request.tree, splices);
    const files = new Map(made.files);
    for (const [old, { next, by }] of this.renames) {
      files.set(next, after.get(old));
      if (!namedElsewhere(this.repository, old, by)) files.set(old, undefined);
    }
    for (const [path, content] of files) {
      if (content === undefined) after.delete(path);
      else after.set(path, content);
    }
    if (splices.length > 0 || files.size > 0) {
      const problems = verifyChange(this.repository, after, this.request, everyone, before);
      this.refused.push(...problems);
      for (const warning of orderWarnings(this.request, before)) this.warnings.add(warning);
    }
    if (this.refused.length > 0) return this.result(reach, [], []);
    return this.result(reach, narrow.own, commitsOf(this.request, splices, files), made.described);
  }

  private checkWave(): void {
    const known = new Set(this.request.fleet.map((member) => member.cluster_id));
    const unknown = [...this.request.wave.keys()].filter((id) => !known.has(id));
    if (unknown.length > 0) {
      this.refuse('no such cluster in the fleet', unknown, 'check the names, or import the clusters first');
    }
    for (const [id, to] of this.request.wave) {
      if (!isExactVersion(to)) {
        this.refuse(`"${to}" is not one exact version`, [id], 'give a version such as 1.30.2');
        break;
      }
    }
  }

  private refuse(reason: string, clusters: string[], hint: string): void {
    const known = this.refused.find((one) => one.reason === reason && one.hint === hint);
    if (known) known.clusters.push(...clusters);
    else this.refused.push({ reason, clusters, hint });
  }

  private add(change: Change): void {
    const known = this.changes.get(change.token.id);
    if (!known) {
      this.changes.set(change.token.id, change);
      return;
    }
    for (const cluster of change.clusters) known.clusters.add(cluster);
    if (known.to !== change.to) {
      this.refuse(
        `${change.token.file} ${change.token.path} would need both ${known.to} and ${change.to}`,
        [...known.clusters],
        'clusters that share a place can only go to one version together',
      );
    }
  }

  /** Turns one cluster's deciding places into changes. */
  private cluster(member: FleetMember, to: string, resolution: Resolution): void {
    const id = member.cluster_id;
    const deciding = resolution.hits.filter((hit) => hit.deciding);
    const shown = new Set<string>();
    for (const hit of deciding) {
      const { file, doc, path, via } = hit;
      const place = `${file}#${doc}#${path}#${hit.value}`;
      if (shown.has(place)) continue;
      shown.add(place);
      this.rows.push({ cluster: id, from: hit.value, to, file, doc, path, via: [...via], class: hit.class });
    }
    if (deciding.length === 0) {
      this.refuse(
        resolution.reason ?? 'its version cannot be found',
        [id],
        'check flux_path in the registry',
      );
      return;
    }
    this.checkHint(member, deciding);
    for (const hit of deciding) {
      if (!this.folders(id, to, hit)) this.hit(id, to, hit);
    }
    for (const note of resolution.reason && resolution.class !== 'cannot-tell' ? [resolution.reason] : []) {
      if (resolution.class === 'literal' || resolution.class === 'variable')
        this.warnings.add(`${id}: ${note}`);
    }
  }

  /** Paths named after the version move with it. True: a folder decides, and the place inside it stays. */
  private folders(id: string, to: string, hit: Hit): boolean {
    if (hit.class !== 'literal' && hit.class !== 'variable') return false;
    if (sameNumber(hit.value, to)) return false;
    const { target } = this.request;
    let decides = false;
    for (const found of versionedFolders(this.repository, hit, to, target)) {
      const inside = isUnder(hit.file, found.old);
      if (inside) decides = true;
      if (found.exists) {
        const coupled = inside ? undefined : 'a folder of the same version';
        this.add({
          token: found.token,
          to: found.to,
          plane: hit.plane,
          clusters: new Set([id]),
          byFile: true,
          ...(coupled ? { coupled } : {}),
        });
      } else {
        this.refuse(
          `${found.token.file} ${found.token.path}: the folder ${found.old} is named after the version, and ${found.next} is not in this tree`,
          [id],
          'add the folder of the new version first (copy the old one and bump it), then plan again',
        );
      }
    }
    for (const found of versionedValues(this.repository, hit, to, target)) {
      const coupled = 'a values file named after the version';
      this.add({
        token: found.token,
        to: found.to,
        plane: hit.plane,
        clusters: new Set([id]),
        byFile: true,
        coupled,
      });
      if (!found.exists) this.renames.set(found.old, { next: found.next, by: found.token.file });
    }
    return decides;
  }

  private hit(id: string, to: string, hit: Hit): void {
    const where = `${hit.release}: ${hit.file} ${hit.path}`.trim();
    if (hit.class !== 'literal' && hit.class !== 'variable') {
      this.refuse(`${where}: ${hit.reason ?? hit.class}`, [id], hintFor(hit.class));
      return;
    }
    const { token } = hit;
    if (!token) return;
    const wanted = spellLike(hit.value, to, this.request.target);
    const expected = this.request.onlyFrom?.get(id);
    if (sameNumber(hit.value, to) && (this.request.target.spelling === 'own' || hit.value === to)) return;
    if (expected !== undefined && !sameNumber(hit.value, expected)) {
      this.refuse(
        `${where} is ${hit.value}, no longer ${expected}`,
        [id],
        `someone changed it since; see the history of ${hit.file}`,
      );
      return;
    }
    if (hit.frozen) {
      this.refuse(
        `${where}: ${hit.frozen}`,
        [id],
        'write the new digest by hand in the same commit, or drop the digest',
      );
      return;
    }
    const lent = token.shared?.aliases.find((at) => !/^(?:version|tag)$/.test(String(at.segment)));
    if (lent) {
      this.refuse(
        `${where} carries the anchor &${token.shared?.name}, which also sets ${formatPath(lent)}`,
        [id],
        'write the two values apart first',
      );
      return;
    }
    const text = textFor(token, wanted);
    if (text === undefined) {
      this.refuse(
        `${where} reads ${hit.value} as ${token.prefix}…${token.suffix}, which cannot become ${wanted}`,
        [id],
        'change the template by hand',
      );
      return;
    }
    if (text !== token.text) this.add({ token, to: text, plane: hit.plane, clusters: new Set([id]) });
  }

  /** The registry's hint must be on the way to one of the places, else registry and tree contradict. */
  private checkHint(member: FleetMember, deciding: readonly Hit[]): void {
    const hint = member.flux_config_path ? joinPath('', member.flux_config_path) : undefined;
    if (hint === undefined || hint === '') return;
    const met = deciding.some((hit) => [hit.file, ...hit.via].some((file) => isUnder(file, hint)));
    if (!met) {
      this.refuse(
        `the registry says ${hint} holds the version, the tree says ${deciding[0]!.file}`,
        [member.cluster_id],
        'correct flux_config_path in the registry, or remove it',
      );
    }
  }

  /** A coupled place decides no version, so its reach is who uses its file. */
  private addCoupledReach(reach: Map<string, Set<string>>, everyone: readonly FleetMember[]): void {
    const coupled = [...this.changes.values()].filter(
      (change) => change.coupled !== undefined || change.byFile,
    );
    if (coupled.length === 0) return;
    const users = usersOf(this.repository, everyone);
    for (const { token, clusters } of coupled) {
      const all = users.get(token.file) ?? users.get(`${token.file}#${token.doc}`) ?? [];
      reach.set(token.id, new Set([...clusters, ...all]));
    }
  }

  private checkReach(reach: ReadonlyMap<string, ReadonlySet<string>>): { own: Change[]; wide: Change[] } {
    const own: Change[] = [];
    const wide: Change[] = [];
    for (const change of this.changes.values()) {
      const all = reach.get(change.token.id) ?? change.clusters;
      const goal = this.request.wave.get([...change.clusters][0] ?? '') ?? '';
      const outside = [...all].filter((id) => !sameNumber(this.request.wave.get(id) ?? '', goal)).sort();
      if (outside.length === 0) {
        own.push(change);
      } else if (this.request.structural) wide.push(change);
      else {
        this.refuse(
          `${change.token.file} ${change.token.path} also decides for clusters that do not go there`,
          outside,
          'add them to the wave, give the wave its own override, or use --structural',
        );
      }
    }
    return { own, wide };
  }

  private result(
    reach: ReadonlyMap<string, ReadonlySet<string>>,
    changes: readonly Change[],
    commits: readonly Commit[],
    inserted: readonly PlannedEdit[] = [],
  ): Plan {
    const described = [...this.changes.values()];
    const files = new Map<
      string,
      { path: string; before: string | undefined; content: string | undefined }
    >();
    for (const file of commits.flatMap((commit) => commit.files)) {
      const known = files.get(file.path);
      files.set(file.path, { ...file, before: known ? known.before : file.before });
    }
    return {
      clusters: this.rows,
      reach: described.map(({ token, clusters }) => ({
        file: token.file,
        doc: token.doc,
        path: token.path,
        clusters: [...(reach.get(token.id) ?? clusters)].sort(),
      })),
      edits: [...changes.filter((change) => change.coupled === undefined).map(editOf), ...inserted],
      coupled: changes.flatMap((change) =>
        change.coupled === undefined ? [] : [{ ...editOf(change), reason: change.coupled }],
      ),
      refused: this.refused,
      warnings: [...this.warnings],
      commits,
      diff: unifiedDiff([...files.values()]),
    };
  }
}

function editOf({ token, to }: Change): PlannedEdit {
  return { file: token.file, doc: token.doc, path: token.path, from: token.text, to };
}

function hintFor(kind: HitClass): string {
  const hints: Partial<Record<HitClass, string>> = {
    placeholder: 'set it in the cluster with a patch or a variable first',
    unpinned: 'write an exact version there first',
    range: 'replace the range by an exact version first, or let Flux follow it',
    outside: 'the version is decided elsewhere; change it there',
  };
  return hints[kind] ?? 'bring what decides the version into this tree, or change it by hand';
}
