import { messageOf } from '../../domain/errors.js';
import { AwsError } from '../executions.js';
import { type AwsCall, parseJson, type Reply } from './protocol.js';

/** What the engine's functions look like from here: lib/local/functions.ts. */
export interface Invoker {
  /** The handler's name for a function's name, its ARN or the handler's own name. */
  resolve(nameOrArn: string): string | undefined;
  invoke(nameOrArn: string, payload: unknown): Promise<unknown>;
}

/** Lambda's Invoke, so that a handler can be tried by hand with the AWS CLI. */
export function createLambdaApi(functions: Invoker) {
  return {
    /** @throws AwsError ResourceNotFoundException */
    async answer(
      method: string,
      path: string,
      invocationType: string,
      body: string,
      call: AwsCall,
    ): Promise<Reply> {
      const encoded = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(path)?.[1];
      if (method !== 'POST' || encoded === undefined) {
        throw new AwsError(
          'UnknownOperationException',
          `${method} ${path} is not part of the embedded engine; of Lambda it has Invoke`,
          404,
        );
      }
      const name = decodeURIComponent(encoded);
      if (functions.resolve(name) === undefined) {
        throw new AwsError('ResourceNotFoundException', `Function not found: ${name} (${call.region})`, 404);
      }
      const payload = body === '' ? {} : parseJson(body);
      if (invocationType === 'DryRun') return answer(204, '');
      if (invocationType === 'Event') {
        // Asynchronous: the caller does not hear how it ends, the engine's counters do.
        functions.invoke(name, payload).catch(() => {});
        return answer(202, '');
      }
      try {
        return answer(200, JSON.stringify(await functions.invoke(name, payload)));
      } catch (error) {
        const errorType = error instanceof Error ? error.name : 'Error';
        const failed = JSON.stringify({ errorType, errorMessage: messageOf(error), trace: [] });
        return answer(200, failed, { 'x-amz-function-error': 'Unhandled' });
      }
    },
  };
}

function answer(status: number, body: string, headers: Record<string, string> = {}): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json', 'x-amz-executed-version': '$LATEST', ...headers },
    body,
  };
}
