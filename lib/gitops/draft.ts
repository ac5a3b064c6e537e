import { coupledEdits } from './couple.js';
import { type FleetMember, viewsOf } from './fleet.js';
import { versionedFolders, versionedValues } from './folders.js';
import type { Hit } from './hit.js';
import { changeOf } from './hit-change.js';
import type { Change, PlannedCluster, PlanRequest, Refusal } from './plan-contract.js';
import { isWritten } from './plan-updates.js';
import { reachOf, usersOf } from './reach.js';
import type { Repository } from './repository.js';
import type { Resolution } from './resolve.js';
import { isUnder, joinPath } from './tree.js';
import type { LocatedUpdate } from './upgrade-spec.js';
import { sameNumber } from './version-text.js';

/** What has to change for the wave, each place once, and whom each place reaches. Nothing is written yet. */
export interface Draft {
  readonly rows: readonly PlannedCluster[];
  readonly changes: readonly Change[];
  /** Token id to every cluster that it decides for, or whose files hold it. */
  readonly reach: ReadonlyMap<string, ReadonlySet<string>>;
  /** Values files that are named after the version: to the new name, by the line of which file. */
  readonly renames: ReadonlyMap<string, { readonly next: string; readonly by: string }>;
  /** Folders that are named after the version, of which the new one is missing: to be copied first. */
  readonly copies: ReadonlyMap<string, string>;
  readonly refused: Refusal[];
  readonly warnings: readonly string[];
}

export function draftChanges(
  repository: Repository,
  request: PlanRequest,
  everyone: readonly FleetMember[],
  before: ReadonlyMap<string, Resolution>,
  written: readonly LocatedUpdate[],
): Draft {
  return new Drafter(repository, request, everyone, before, written).draft();
}

class Drafter {
  private readonly repository: Repository;
  private readonly request: PlanRequest;
  private readonly everyone: readonly FleetMember[];
  private readonly before: ReadonlyMap<string, Resolution>;
  private readonly written: readonly LocatedUpdate[];
  private readonly refused: Refusal[] = [];
  private readonly warnings = new Set<string>();
  private readonly rows: PlannedCluster[] = [];
  private readonly changes = new Map<string, Change>();
  private readonly renames = new Map<string, { next: string; by: string }>();
  private readonly copies = new Map<string, string>();
  private readonly words: RegExp;

  constructor(
    repository: Repository,
    request: PlanRequest,
    everyone: readonly FleetMember[],
    before: ReadonlyMap<string, Resolution>,
    written: readonly LocatedUpdate[],
  ) {
    this.written = written;
    this.repository = repository;
    this.request = request;
    this.everyone = everyone;
    this.before = before;
    this.words = wordsOf(request.target);
  }

  draft(): Draft {
    const { fleet, wave } = this.request;
    for (const member of fleet) {
      const to = wave.get(member.cluster_id);
      if (to !== undefined) this.cluster(member, to, this.before.get(member.cluster_id)!);
    }
    const warn = (message: string) => this.warnings.add(message);
    for (const change of coupledEdits(this.repository, this.request, this.before, warn)) {
      if ('reason' in change) this.refused.push(change);
      else this.add(change);
    }
    const { rows, renames, copies, refused } = this;
    const changes = [...this.changes.values()];
    return {
      rows,
      renames,
      copies,
      refused,
      changes,
      reach: this.reach(changes),
      warnings: [...this.warnings],
    };
  }

  private refuse(reason: string, clusters: readonly string[], hint: string): void {
    const known = this.refused.find((one) => one.reason === reason && one.hint === hint);
    if (known) known.clusters.push(...clusters);
    else this.refused.push({ reason, clusters: [...clusters], hint });
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
      const reason = resolution.reason ?? 'its version cannot be found';
      this.refuse(reason, [id], 'check flux_path in the registry');
      return;
    }
    this.checkHint(member, deciding);
    for (const hit of deciding) {
      if (this.folders(id, to, hit) || isWritten(hit, this.written)) continue;
      const change = changeOf(id, to, hit, this.request);
      if (change && 'reason' in change) this.refuse(change.reason, [id], change.hint);
      else if (change) this.add(change);
    }
    for (const note of resolution.notes) {
      if (this.words.test(note)) this.warnings.add(`${note}; what it would bring is not moved`);
    }
    for (const hit of resolution.hits) {
      if (!hit.deciding && hit.role === 'tag' && hit.class === 'cannot-tell')
        this.warnings.add(`${hit.release}: ${hit.reason}; an image tag there would not move`);
    }
    if (resolution.reason && (resolution.class === 'literal' || resolution.class === 'variable'))
      this.warnings.add(`${id}: ${resolution.reason}`);
  }

  /** Paths named after the version move with it. True: a folder decides, and the place inside it stays. */
  private folders(id: string, to: string, hit: Hit): boolean {
    if (hit.class !== 'literal' && hit.class !== 'variable') return false;
    if (sameNumber(hit.value, to)) return false;
    const { target, structural } = this.request;
    const moves = { plane: hit.plane, clusters: new Set([id]), byFile: true };
    let decides = false;
    const pointers = versionedFolders(this.repository, hit, to, target);
    for (const found of pointers) {
      // A folder that names itself keeps its own pointers; whoever points at it from outside moves.
      const own = isUnder(found.token.file, found.old);
      if (own && pointers.some((one) => one.old === found.old && !isUnder(one.token.file, one.old))) continue;
      const inside = isUnder(hit.file, found.old);
      if (inside) decides = true;
      if (found.exists) {
        const coupled = inside ? {} : { coupled: 'a folder of the same version' };
        this.add({ token: found.token, to: found.to, ...moves, ...coupled });
      } else if (structural && this.repository.isFolder(found.old)) {
        this.copies.set(found.old, found.next);
      } else {
        this.refuse(
          `${found.token.file} ${found.token.path}: the folder ${found.old} is named after the version, and ${found.next} is not in this tree`,
          [id],
          'add the folder of the new version first (copy the old one and bump it), or use --structural',
        );
      }
    }
    for (const found of versionedValues(this.repository, hit, to, target)) {
      const coupled = 'a values file named after the version';
      this.add({ token: found.token, to: found.to, ...moves, coupled });
      if (!found.exists) this.renames.set(found.old, { next: found.next, by: found.token.file });
    }
    return decides;
  }

  /**
   * The registry's hint must be on the way to one of the places, else registry and tree contradict. A registry has
   * one hint a cluster: where it names or leads to releases of other charts alone, it is about another target.
   */
  private checkHint(member: FleetMember, deciding: readonly Hit[]): void {
    const hint = member.flux_config_path ? joinPath('', member.flux_config_path) : undefined;
    if (hint === undefined || hint === '') return;
    const met = deciding.some((hit) => [hit.file, ...hit.via].some((file) => isUnder(file, hint)));
    if (!met && !this.namesAnotherRelease(member, hint)) {
      this.refuse(
        `the registry says ${hint} holds the version, the tree says ${deciding[0]!.file}`,
        [member.cluster_id],
        'correct flux_config_path in the registry, or remove it',
      );
    }
  }

  private namesAnotherRelease(member: FleetMember, hint: string): boolean {
    const own = new Set((this.before.get(member.cluster_id)?.hits ?? []).map((hit) => hit.item));
    return viewsOf(this.repository, member).views.some(({ items }) =>
      items.some(
        (item) =>
          item.resource.kind === 'HelmRelease' &&
          !own.has(item) &&
          [...item.context.via, ...item.resource.via, item.resource.file].some((file) => isUnder(file, hint)),
      ),
    );
  }

  /** A place that decides no version itself (a coupled one, a folder's name) reaches who uses its file. */
  private reach(changes: readonly Change[]): Map<string, Set<string>> {
    const reach = reachOf(this.before);
    const byFile = changes.filter((change) => change.coupled !== undefined || change.byFile);
    if (byFile.length === 0) return reach;
    const users = usersOf(this.repository, this.everyone);
    for (const { token, clusters } of byFile) {
      const all = users.get(token.file) ?? users.get(`${token.file}#${token.doc}`) ?? [];
      reach.set(token.id, new Set([...clusters, ...all]));
    }
    return reach;
  }
}

/** Names that a place of the target bears, where a name of its own stands for it and for nothing else. */
function wordsOf({ name, components }: PlanRequest['target']): RegExp {
  const names = [
    name.replace(/^helm:/, ''),
    ...components.filter((one) => !one.ambiguous).map((one) => one.chart),
  ];
  const words = [...new Set(names)].map((one) => one.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`(?:^|[^a-z0-9])(?:${words.join('|')})(?:$|[^a-z0-9])`, 'i');
}
