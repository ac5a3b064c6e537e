import { noteMarker, renderNote } from '../domain/merge-request-text.js';
import type { Ports } from '../ports/index.js';
import { journalKeys } from '../ports/journal-keys.js';
import type { AnnounceInput } from './contracts.js';
import { rolloutEvent } from './support/announce.js';
import { loadRollout } from './support/record.js';

type AnnouncePorts = Pick<Ports, 'now' | 'journal' | 'events' | 'git' | 'log'>;

/** Tells people that a rollback waits for them, with the analysis and the link to approve. */
export async function announce(input: AnnounceInput, ports: AnnouncePorts): Promise<{ announced: true }> {
  const rollout = await loadRollout(ports, input.rollout);
  const [analysis] = await ports.journal.records(journalKeys.rollout(rollout.key), journalKeys.analysis);
  const summary = String(analysis?.summary ?? 'no analysis could be made');
  const findings = (analysis?.findings as string[] | undefined) ?? [];
  if (rollout.rollback) {
    await ports.git.note(
      rollout.project,
      rollout.rollback.iid,
      noteMarker(rollout, 'analysis'),
      renderNote({ rollout, kind: 'analysis', headline: `Failure analysis: ${summary}`, reasons: findings }),
    );
  }
  await ports.events.publish([
    rolloutEvent(ports, rollout, 'rolloutChanged', 'rollback-opened', {
      severity: 'critical',
      title: `ROLLBACK: ${rollout.target} ${rollout.version} failed for ${rollout.batch}`,
      text: summary,
      findings: findings.slice(0, 5),
    }),
  ]);
  return { announced: true };
}
