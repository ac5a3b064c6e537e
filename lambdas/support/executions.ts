import { SFNClient } from '@aws-sdk/client-sfn';
import { sharedClient } from '../../lib/adapters/shared/aws-client-options.js';
import { createExecutions } from '../../lib/adapters/step-functions.js';
import type { Executions } from '../../lib/ports/executions.js';
import type { Runtime } from './runtime.js';

export function executions(runtime: Runtime): { executions: Executions } {
  const client = sharedClient(SFNClient, runtime.config.aws.region);
  return {
    executions: runtime.once('executions', () =>
      createExecutions({ client, stateMachineArn: runtime.names.stateMachineArn }),
    ),
  };
}
