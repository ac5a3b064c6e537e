import { RefusedError } from '../domain/errors.js';
import { istio } from './istio/index.js';
import type { Target } from './target.js';

/** Every target that a rollout can move. Adding one touches its folder and one line here. */
const TARGETS: Readonly<Record<string, Target>> = { istio };

/** @throws RefusedError when there is no such target. */
export function targetNamed(name: string): Target {
  const target = TARGETS[name];
  if (target) return target;
  throw new RefusedError(`target '${name}' is not known; known: ${Object.keys(TARGETS).join(', ')}`);
}
