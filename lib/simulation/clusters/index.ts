import type { Accounts } from '../../local/aws/accounts.js';
import { createAccounts } from '../accounts.js';
import type { Identify } from '../kubernetes/authenticate.js';
import { certificates } from '../kubernetes/certificates.js';
import { addressOf, kubeconfigOf } from '../kubernetes/kubeconfig.js';
import { type SeenRequest, serveKubernetes } from '../kubernetes/server.js';
import type { World } from '../world.js';
import { SimulatedCluster } from './cluster.js';
import { hexadecimal } from './random.js';

export interface StartOptions {
  /** The role behind an access key that STS has handed out; with the secret its signatures are verified. */
  readonly identify: Identify;
  readonly port?: number;
  /** Keeps the certificates, so that kubeconfigs outlive a restart. */
  readonly dataDir?: string;
}

/** The simulated EKS clusters and the HTTPS server that is all their API servers. */
export interface SimulatedClusters {
  readonly world: World;
  /** Base address; a cluster is at `/clusters/<cluster_id>`. */
  readonly url: string;
  /** PEM */
  readonly ca: string;
  /** By cluster_id. */
  readonly byId: ReadonlyMap<string, SimulatedCluster>;
  /** What STS and EKS know of the clusters. */
  readonly accounts: Accounts;
  /** What the API servers were asked, in order. */
  readonly requests: readonly SeenRequest[];
  /** A kubeconfig of all clusters, with an administrator's token each. */
  kubeconfig(): string;
  /** @param cluster cluster_id */
  adminToken(cluster: string): string;
  /** Carries out a command of the log again; false when it is not of this kind. */
  replay(command: { kind: string; at: number; [key: string]: unknown }): boolean;
  stop(): Promise<void>;
}

export async function startClusters(world: World, options: StartOptions): Promise<SimulatedClusters> {
  const issued = await certificates(options.dataDir);
  const base64 = (pem: string) => Buffer.from(pem).toString('base64');
  const webhookCa = { valid: base64(issued.webhook.valid), expired: base64(issued.webhook.expired) };
  const byId = new Map(
    world.fleet.map((item) => [item.cluster_id, new SimulatedCluster(world, item, webhookCa)]),
  );
  // Built now, so that nobody's first request waits for it; no further, because commands may still be replayed.
  for (const cluster of byId.values()) cluster.advance(cluster.born);
  const adminToken = (cluster: string) => `admin-${hexadecimal(32, world.scenario.seed, 'admin', cluster)}`;
  const face = await serveKubernetes({
    world,
    clusters: byId,
    certificates: issued,
    adminToken,
    identify: options.identify,
    ...(options.port !== undefined && { port: options.port }),
  });
  return {
    world,
    url: face.url,
    ca: issued.ca,
    byId,
    accounts: createAccounts({ url: face.url, ca: issued.ca, byId }),
    requests: face.requests,
    adminToken,
    kubeconfig() {
      const entries = [...byId.keys()].map((name) => ({
        name,
        server: addressOf(face.url, name),
        token: adminToken(name),
      }));
      return kubeconfigOf(entries, issued.ca);
    },
    replay: (command) => face.replay(command),
    stop: () => face.stop(),
  };
}
