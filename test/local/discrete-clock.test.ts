import { describe, expect, it } from '@jest/globals';
import { createDiscreteClock } from '../../lib/local/discrete-clock.js';

const HOUR = 3_600_000;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await turn();
}

describe('the discrete-event clock', () => {
  it('jumps to the next work timer when all is idle, however far it is', async () => {
    const clock = createDiscreteClock({ start: 1000 });
    const at = await new Promise<number>((resolve) => {
      clock.at(1000 + 30 * 24 * HOUR, 'work', () => resolve(clock.now()));
    });
    expect(at).toBe(1000 + 30 * 24 * HOUR);
    clock.stop();
  });

  it('fires timers in order of time, those of one time in order of making, whatever their kind', async () => {
    const clock = createDiscreteClock({ start: 0 });
    const fired: string[] = [];
    const note = (name: string) => () => void fired.push(`${name}@${clock.now()}`);
    await clock.busy(async () => {
      clock.at(3 * HOUR, 'work', note('late'));
      clock.at(2 * HOUR, 'gate', note('gate'));
      clock.at(HOUR, 'background', note('sweep'));
      clock.at(HOUR, 'work', note('first'));
      clock.at(HOUR, 'work', note('second'));
    });
    await new Promise<void>((resolve) => clock.at(4 * HOUR, 'work', resolve));
    expect(fired).toEqual([
      `sweep@${HOUR}`,
      `first@${HOUR}`,
      `second@${HOUR}`,
      `gate@${2 * HOUR}`,
      `late@${3 * HOUR}`,
    ]);
    clock.stop();
  });

  it('stands still while anything is busy, however many turns of the event loop that takes', async () => {
    const clock = createDiscreteClock({ start: 0 });
    let fired = false;
    clock.at(10, 'work', () => {
      fired = true;
    });
    await clock.busy(async () => {
      await turns(50);
      expect(clock.now()).toBe(0);
      expect(fired).toBe(false);
    });
    await new Promise<void>((resolve) => clock.at(20, 'work', resolve));
    expect(fired).toBe(true);
    clock.stop();
  });

  it('goes on only when the last of several busy ones is done', async () => {
    const clock = createDiscreteClock({ start: 0 });
    let release: () => void = () => {};
    const long = clock.busy(() => new Promise<void>((resolve) => (release = resolve)));
    await clock.busy(async () => {});
    let fired = false;
    clock.at(5, 'work', () => {
      fired = true;
    });
    await turns(20);
    expect(fired).toBe(false);
    release();
    await long;
    await new Promise<void>((resolve) => clock.at(6, 'work', resolve));
    expect(fired).toBe(true);
    clock.stop();
  });

  it('waits with a jump for what becomes busy in the very turn after the last one ended', async () => {
    const clock = createDiscreteClock({ start: 0 });
    clock.at(1000, 'work', () => {});
    await clock.busy(async () => {});
    await turn();
    const seen = await clock.busy(async () => {
      await turns(10);
      return clock.now();
    });
    expect(seen).toBe(0);
    clock.stop();
  });

  it('stands still while the act of a timer runs, and fires what that act makes in its order', async () => {
    const clock = createDiscreteClock({ start: 0 });
    const fired: string[] = [];
    const done = new Promise<void>((resolve) => {
      clock.at(100, 'work', async () => {
        await turns(10);
        fired.push(`a@${clock.now()}`);
        clock.at(150, 'work', () => void fired.push(`b@${clock.now()}`));
      });
      clock.at(200, 'work', () => {
        fired.push(`c@${clock.now()}`);
        resolve();
      });
    });
    await done;
    expect(fired).toEqual(['a@100', 'b@150', 'c@200']);
    clock.stop();
  });

  it('fires a timer of the past at once, without going back', async () => {
    const clock = createDiscreteClock({ start: 5000 });
    const at = await new Promise<number>((resolve) => clock.at(10, 'work', () => resolve(clock.now())));
    expect(at).toBe(5000);
    clock.stop();
  });

  it('never fires a cancelled timer, and does not jump for its sake', async () => {
    const clock = createDiscreteClock({ start: 0 });
    let fired = false;
    const timer = clock.at(HOUR, 'work', () => {
      fired = true;
    });
    timer.cancel();
    await turns(20);
    expect(fired).toBe(false);
    expect(clock.now()).toBeLessThan(HOUR);
    clock.stop();
  });

  it.each(['gate', 'background'] as const)(
    'does not jump for a %s timer; time runs as in the real world',
    async (kind) => {
      const clock = createDiscreteClock({ start: 0 });
      let fired = false;
      clock.at(HOUR, kind, () => {
        fired = true;
      });
      const near = new Promise<number>((resolve) => clock.at(15, kind, () => resolve(clock.now())));
      const keepAlive = setInterval(() => {}, 5);
      const at = await near;
      clearInterval(keepAlive);
      expect(at).toBeGreaterThanOrEqual(15);
      expect(at).toBeLessThan(HOUR);
      expect(fired).toBe(false);
      clock.stop();
    },
  );

  it('stops running in real time when something becomes busy', async () => {
    const clock = createDiscreteClock({ start: 0 });
    await turns(20);
    await clock.busy(async () => {
      const before = clock.now();
      await new Promise((resolve) => setTimeout(resolve, 15));
      expect(clock.now()).toBe(before);
    });
    clock.stop();
  });

  it('with realTime lets time run while busy and fires work at its real time', async () => {
    const clock = createDiscreteClock({ start: 0, realTime: true });
    const keepAlive = setInterval(() => {}, 5);
    let seen = 0;
    await clock.busy(async () => {
      seen = await new Promise<number>((resolve) => clock.at(20, 'work', () => resolve(clock.now())));
    });
    clearInterval(keepAlive);
    expect(seen).toBeGreaterThanOrEqual(20);
    expect(seen).toBeLessThan(10_000);
    clock.stop();
  });

  it('fires nothing after stop', async () => {
    const clock = createDiscreteClock({ start: 0 });
    let fired = false;
    clock.at(1, 'work', () => {
      fired = true;
    });
    clock.stop();
    clock.at(2, 'work', () => {
      fired = true;
    });
    await turns(20);
    expect(fired).toBe(false);
  });

  it('reports an act that throws and goes on', async () => {
    const errors: unknown[] = [];
    const clock = createDiscreteClock({ start: 0, onError: (error) => errors.push(error) });
    clock.at(1, 'work', () => {
      throw new Error('broken act');
    });
    await new Promise<void>((resolve) => clock.at(2, 'work', resolve));
    expect(errors).toEqual([expect.objectContaining({ message: 'broken act' })]);
    clock.stop();
  });

  it('keeps the order under many timers made and cancelled at random', async () => {
    const clock = createDiscreteClock({ start: 0 });
    let seed = 7;
    const random = () => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed / 2147483648;
    };
    const fired: number[] = [];
    await clock.busy(async () => {
      for (let i = 0; i < 300; i += 1) {
        const time = Math.floor(random() * 1000);
        const timer = clock.at(time, random() < 0.5 ? 'work' : 'gate', () => {
          expect(clock.now()).toBe(time);
          fired.push(time);
        });
        if (random() < 0.3) timer.cancel();
      }
    });
    await new Promise<void>((resolve) => clock.at(1001, 'work', resolve));
    expect(fired.length).toBeGreaterThan(150);
    expect(fired).toEqual([...fired].sort((a, b) => a - b));
    clock.stop();
  });
});
