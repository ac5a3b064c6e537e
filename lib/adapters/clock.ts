/**
 * Epoch milliseconds. The embedded engine publishes its simulated clock under this symbol, so that the very
 * same handlers live in simulated time there and in real time on Lambda.
 */
export function now(): number {
  const clock = (globalThis as { [key: symbol]: unknown })[Symbol.for('guard.clock')];
  return typeof clock === 'function' ? Number(clock()) : Date.now();
}
