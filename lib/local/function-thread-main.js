// What runs in the thread of lib/local/function-threads.ts. Plain JavaScript, as bin/guard.js is: it brings
// TypeScript's loader into the thread, and then answers calls {id, file, payload, context} with {id, answer}.
import { parentPort } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();

/** The engine's time; the symbol is that of lib/local/engine.ts. */
let now = 0;
globalThis[Symbol.for('guard.clock')] = () => now;

async function run({ file, payload, context }) {
  const { handler } = await import(file);
  if (typeof handler !== 'function') throw new Error(`${file}: exports no function named handler`);
  const getRemainingTimeInMillis = () => Math.max(0, context.deadline - Date.now());
  return JSON.stringify(await handler(JSON.parse(payload), { ...context.fields, getRemainingTimeInMillis }));
}

function said(error) {
  if (typeof error?.message !== 'string') return { name: typeof error, message: String(error) };
  return { name: typeof error.name === 'string' ? error.name : 'Error', message: error.message };
}

parentPort.on('message', async (call) => {
  now = Math.max(now, call.context.now);
  const answer = await run(call).then(
    (result) => ({ result }),
    (error) => ({ error: said(error) }),
  );
  parentPort.postMessage({ id: call.id, answer });
});
