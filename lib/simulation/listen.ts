import type { Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Listening {
  /** `127.0.0.1:8080` */
  readonly address: string;
  /** Ends open connections, too. */
  stop(): Promise<void>;
}

/** Starts a server on this machine alone; without a port on a free one. @throws when the port is taken */
export async function listen(server: Server | SecureServer, port = 0): Promise<Listening> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
