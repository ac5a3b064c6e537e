import type { World } from './world.js';

/** What a world holds, without what may differ between two ways to the same end: counters of writes, repeats. */
export async function endingOf(w: World): Promise<unknown> {
  const rollouts = new Set(
    w.journal.all().flatMap(({ pk }) => (pk.startsWith('rollout#') ? [pk.slice('rollout#'.length)] : [])),
  );
  return JSON.parse(
    JSON.stringify({
      clusters: [...w.registry.items.values()].map(({ version: _version, ...cluster }) => cluster),
      rollouts: await Promise.all(
        [...rollouts]
          .sort()
          .map(async (key) => ({ ...(await w.journal.rollout(key)), revision: 0, updatedAt: '' })),
      ),
      records: w.journal.all(),
      requests: w.git.requests,
      notes: [...w.git.notes].sort(),
      main: w.git.head(),
      events: [...new Set(w.events.published.map((event) => JSON.stringify(event)))].sort(),
      started: w.executions.started,
      patches: [...w.registry.items.keys()].map((id) => [
        id,
        w.clusters.of(id)?.restarted,
        w.clusters.of(id)?.proxies,
      ]),
    }),
  );
}

/**
 * Runs `act` in worlds that die after every single call of a port (its effect is there, the answer is lost), runs
 * it again, and compares with a world where nothing happened. Returns the ways that did not end the same, as
 * `call 3: what differs`.
 */
export async function differentEndings(
  prepare: () => Promise<World>,
  act: (w: World) => Promise<unknown>,
): Promise<{ deaths: number; different: string[] }> {
  const quiet = await prepare();
  const answer = JSON.stringify(await act(quiet));
  const wanted = JSON.stringify(await endingOf(quiet));
  const different: string[] = [];
  for (let call = 1; ; call++) {
    const w = await prepare();
    w.interruption.dieAt(call, 'after');
    const first = await act(w).catch((error: unknown) => error);
    // Calls that were under way when the process died have landed, or have not.
    await new Promise((resolve) => setImmediate(resolve));
    if (!w.interruption.happened) return { deaths: call - 1, different };
    try {
      const second = await act(w);
      if (JSON.stringify(second) !== answer)
        different.push(`call ${call}: answers ${JSON.stringify(second)} (${String(first)})`);
      const ending = JSON.stringify(await endingOf(w));
      if (ending !== wanted) different.push(`call ${call}: ${firstDifference(wanted, ending)}`);
    } catch (error) {
      different.push(`call ${call}: ${String(error)}`);
    }
  }
}

function firstDifference(wanted: string, found: string): string {
  let at = 0;
  while (wanted[at] === found[at]) at++;
  const from = Math.max(0, at - 120);
  return `wanted …${wanted.slice(from, at + 80)}, found …${found.slice(from, at + 80)}`;
}
