import type { Refusal } from '../gitops/plan.js';
import type { Io } from './io.js';

/** One line on stderr for each refusal: why, whom it concerns, what to do. */
export function sayRefused(refused: readonly Refusal[], io: Io): void {
  for (const { reason, clusters, hint } of refused)
    io.err(`guard: refused: ${reason}${named(clusters)}; ${hint}`);
}

function named(clusters: readonly string[]): string {
  if (clusters.length === 0) return '';
  const more = clusters.length > 10 ? ` and ${clusters.length - 10} more` : '';
  return ` (${clusters.slice(0, 10).join(', ')}${more})`;
}
