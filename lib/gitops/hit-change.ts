import { type Hit, type HitClass, UNPIN } from './hit.js';
import type { Change, PlanRequest } from './plan-contract.js';
import { otherUse, textFor } from './token.js';
import { sameNumber, spellLike } from './version-text.js';

/** Turns one deciding place into its edit, or says why it cannot be one. `undefined`: it is right already. */
export function changeOf(
  cluster: string,
  to: string,
  hit: Hit,
  { target, onlyFrom }: PlanRequest,
): Change | { readonly reason: string; readonly hint: string } | undefined {
  const where = `${hit.release}: ${hit.file} ${hit.path}`.trim();
  if (hit.class !== 'literal' && hit.class !== 'variable')
    return { reason: `${where}: ${hit.reason ?? hit.class}`, hint: hit.hint ?? hintFor(hit.class) };
  const { token } = hit;
  if (!token) return undefined;
  const wanted = spellLike(hit.value, to, target);
  if (sameNumber(hit.value, to) && (target.spelling === 'own' || hit.value === to)) return undefined;
  const expected = onlyFrom?.get(cluster);
  if (expected !== undefined && !sameNumber(hit.value, expected)) {
    const hint = `someone changed it since; see the history of ${hit.file}`;
    return { reason: `${where} is ${hit.value}, no longer ${expected}`, hint };
  }
  if (hit.frozen) {
    return { reason: `${where}: ${hit.frozen}`, hint: UNPIN };
  }
  const other = otherUse(token);
  if (other) {
    const reason = `${where} is the anchor &${token.shared?.name}, which also sets ${other}`;
    return { reason, hint: 'write the two values apart first' };
  }
  const text = textFor(token, wanted);
  if (text === undefined) {
    const reason = `${where} reads ${hit.value} as ${token.prefix}…${token.suffix}, which cannot become ${wanted}`;
    return { reason, hint: 'change the template by hand' };
  }
  if (text === token.text) return undefined;
  return { token, to: text, plane: hit.plane, clusters: new Set([cluster]) };
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
