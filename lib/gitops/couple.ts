import { viewsOf } from './fleet.js';
import type { Hit } from './hit.js';
import type { Node } from './node.js';
import { isScalar } from './node.js';
import type { Change, PlanRequest, Refusal } from './plan-contract.js';
import type { Repository } from './repository.js';
import type { Resolution } from './resolve.js';
import { scalarToken } from './token.js';
import { dirOf, joinPath } from './tree.js';
import { sameNumber, shapeOf, spellLike } from './version-text.js';

/**
 * What must move with the version and does not hold it for Helm: CRD URLs and folders named after it. Another
 * number there is another component's, or a choice someone made: left alone, with a warning.
 */
export function coupledEdits(
  repository: Repository,
  request: PlanRequest,
  before: ReadonlyMap<string, Resolution>,
  warn: (message: string) => void,
): (Change | Refusal)[] {
  const patterns = request.target.crds.map((pattern) => new RegExp(pattern));
  const result: (Change | Refusal)[] = [];
  if (patterns.length === 0) return result;
  for (const member of request.fleet) {
    const to = request.wave.get(member.cluster_id);
    const resolution = before.get(member.cluster_id);
    const chart = resolution?.hits.find((hit) => hit.deciding && hit.role === 'chart' && hit.token);
    if (to === undefined || !chart) continue;
    for (const { view } of viewsOf(repository, member).views) {
      for (const reference of view.references) {
        for (const pattern of patterns) {
          const found = inReference(reference.node, pattern, chart, to, request);
          if (!found) continue;
          if ('other' in found) {
            if (!sameNumber(found.other, to))
              warn(
                `${reference.file}: ${reference.text} names ${found.other}, not ${chart.value}; left as it is`,
              );
            continue;
          }
          const missing = missingFolder(repository, reference, found.text);
          if (missing) {
            result.push({
              reason: `${reference.file}: the CRDs of ${to} would be in ${missing}, which is not in this tree`,
              clusters: [member.cluster_id],
              hint: 'add that folder first',
            });
            continue;
          }
          result.push({ ...found.change, clusters: new Set([member.cluster_id]) });
        }
      }
    }
  }
  return result;
}

function inReference(
  node: Node,
  pattern: RegExp,
  chart: Hit,
  to: string,
  request: PlanRequest,
): { change: Omit<Change, 'clusters'>; text: string } | { other: string } | undefined {
  if (!isScalar(node)) return undefined;
  const match = pattern.exec(node.text);
  const version = match?.groups?.version;
  if (!match || version === undefined || shapeOf(version) !== 'exact') return undefined;
  if (!sameNumber(version, chart.value)) return { other: version };
  const start = match.index + match[0].indexOf(version);
  const token = scalarToken(node, start, start + version.length);
  if (typeof token === 'string') return undefined;
  const spelled = spellLike(version, to, { ...request.target, spelling: 'own' });
  const text = node.text.slice(0, start) + spelled + node.text.slice(start + version.length);
  return {
    text,
    change: { token, to: spelled, plane: 'crds', coupled: 'CRDs of the same version' },
  };
}

/** A folder that is named after the version must be there already. */
function missingFolder(
  repository: Repository,
  reference: { readonly file: string; readonly text: string },
  text: string,
): string | undefined {
  if (/:\/\/|[?&]ref=/.test(text)) return undefined;
  const old = joinPath(dirOf(reference.file), reference.text);
  const path = joinPath(dirOf(reference.file), text);
  const known = (at: string) => repository.isFolder(at) || repository.text(at) !== undefined;
  if (old === undefined || path === undefined || !known(old)) return undefined;
  return known(path) ? undefined : path;
}
