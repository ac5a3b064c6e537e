import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import type { EngineClock } from '../local/clock.js';
import { listen } from './listen.js';

export interface ChannelMessage {
  /** Epoch milliseconds, simulated. */
  readonly at: number;
  readonly title: string;
  readonly severity: string;
}

export interface SimulatedChannel {
  readonly url: string;
  /** What people were told, oldest first. */
  readonly messages: readonly ChannelMessage[];
  stop(): Promise<void>;
}

/** The channel that people read: takes what the generic webhook of the notifier sends. */
export async function startChannel({ clock }: { clock: EngineClock }): Promise<SimulatedChannel> {
  const messages: ChannelMessage[] = [];
  const server = createServer((request, response) => {
    void clock.busy(async () => {
      const body = (await json(request).catch(() => ({}))) as { title?: unknown; severity?: unknown };
      messages.push({
        at: clock.now(),
        title: String(body.title ?? ''),
        severity: String(body.severity ?? ''),
      });
      response.writeHead(204).end();
    });
  });
  const { address, stop } = await listen(server);
  return {
    url: `http://${address}/`,
    messages,
    stop,
  };
}
