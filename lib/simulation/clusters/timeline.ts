interface Event {
  readonly at: number;
  readonly order: number;
  readonly act: () => void;
}

/** A cluster's own events, in order of time; carried out when somebody looks at the cluster. */
export class Timeline {
  readonly #events: Event[] = [];
  #order = 0;
  /** Epoch milliseconds: the time of the event under way, or the one that was last advanced to. */
  now: number;

  constructor(start: number) {
    this.now = start;
  }

  /** Runs `act` at `time`, or at once when that has passed; events of one time in the order of their making. */
  at(time: number, act: () => void): void {
    const event = { at: Math.max(time, this.now), order: this.#order++, act };
    let index = this.#events.length;
    while (index > 0 && this.#events[index - 1]!.at > event.at) index -= 1;
    this.#events.splice(index, 0, event);
  }

  /** Seconds from now. */
  in(seconds: number, act: () => void): void {
    this.at(this.now + Math.round(seconds * 1000), act);
  }

  next(): number | undefined {
    return this.#events[0]?.at;
  }

  /** Carries out what is due until `time`. */
  advance(time: number): void {
    for (let event = this.#events[0]; event !== undefined && event.at <= time; event = this.#events[0]) {
      this.#events.shift();
      this.now = Math.max(this.now, event.at);
      event.act();
    }
    this.now = Math.max(this.now, time);
  }
}
