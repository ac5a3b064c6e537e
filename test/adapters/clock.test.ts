import { afterEach, describe, expect, it } from '@jest/globals';
import { now } from '../../lib/adapters/clock.js';

const KEY = Symbol.for('guard.clock');
const world = globalThis as { [key: symbol]: unknown };
afterEach(() => {
  delete world[KEY];
});

describe('now', () => {
  it("is the engine's time where there is an engine, else the real one", () => {
    expect(Math.abs(now() - Date.now())).toBeLessThan(1000);
    world[KEY] = () => 42;
    expect(now()).toBe(42);
  });
});
