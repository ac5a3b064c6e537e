import type { ExecutionDescription } from '../executions.js';
import type { BusEvent } from './event-bus.js';

/** EventBridge takes events of 256 KB; AWS leaves data out that would not fit. */
const MOST_DATA_BYTES = 248 * 1024;

/** What Step Functions tells EventBridge when an execution's status changes. Times are epoch milliseconds. */
export function statusChangeEvent(
  execution: ExecutionDescription,
): Pick<BusEvent, 'source' | 'detail-type' | 'detail' | 'resources'> {
  const bytes = Buffer.byteLength(execution.input) + Buffer.byteLength(execution.output ?? '');
  const included = bytes <= MOST_DATA_BYTES;
  return {
    source: 'aws.states',
    'detail-type': 'Step Functions Execution Status Change',
    resources: [execution.executionArn],
    detail: {
      executionArn: execution.executionArn,
      stateMachineArn: execution.stateMachineArn,
      name: execution.name,
      status: execution.status,
      startDate: execution.startDate,
      stopDate: execution.stopDate ?? null,
      input: included ? execution.input : null,
      output: included ? (execution.output ?? null) : null,
      inputDetails: { included },
      outputDetails: execution.output === undefined ? null : { included },
      error: execution.error ?? null,
      cause: execution.cause ?? null,
      redriveCount: execution.redriveCount,
      redriveStatus: execution.redriveStatus,
      stateMachineVersionArn: null,
      stateMachineAliasArn: null,
    },
  };
}
