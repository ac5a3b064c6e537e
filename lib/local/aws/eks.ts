import { AwsError } from '../executions.js';
import type { Accounts } from './accounts.js';
import type { Identities } from './identities.js';
import type { AwsCall, Reply } from './protocol.js';

/** EKS, as far as GUARD uses it: DescribeCluster over REST. */
export function createEks(options: { accounts: Accounts; identities: Identities; account: string }) {
  return {
    /** @throws AwsError ResourceNotFoundException */
    answer(method: string, path: string, call: AwsCall): Reply {
      const name = /^\/clusters\/([^/]+)$/.exec(path)?.[1];
      if (method !== 'GET' || name === undefined) {
        throw new AwsError(
          'UnknownOperationException',
          `${method} ${path} is not part of the embedded engine; of EKS it has DescribeCluster (GET /clusters/NAME)`,
          404,
        );
      }
      const wanted = decodeURIComponent(name);
      const cluster = options.accounts.cluster(wanted, call.region);
      const account = callerAccount(call);
      // An account sees its own clusters only, so a forgotten AssumeRole is found here and not in production.
      if (cluster === undefined || (cluster.arn !== undefined && cluster.arn.split(':')[4] !== account)) {
        throw new AwsError(
          'ResourceNotFoundException',
          `No cluster found for name: ${wanted}. (account ${account}, ${call.region})`,
          404,
        );
      }
      const createdAt = cluster.createdAt === undefined ? undefined : cluster.createdAt.getTime() / 1000;
      return {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ cluster: { ...cluster, createdAt } }),
      };
    },
  };

  function callerAccount(call: AwsCall): string {
    const identity =
      call.accessKeyId === undefined ? undefined : options.identities.identify(call.accessKeyId);
    return identity?.assumedRoleArn.split(':')[4] ?? options.account;
  }
}
