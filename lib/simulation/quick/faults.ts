/** What may go wrong with the simulated GitLab; each is a pitfall of the real one (external API notes, A). */
export interface GitlabFaults {
  /** Answered instead of the real thing, in this order, each `times` times (default once). */
  readonly responses?: readonly {
    readonly method: string;
    /** Part of the path, as sent. */
    readonly path: string;
    readonly status: number;
    readonly body?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly times?: number;
  }[];
  /** Webhook deliveries of one event: 0 is lost, 2 is twice. Default 1. */
  readonly deliveries?: number;
  /** Seconds of simulated time until an event is delivered. */
  readonly deliveryDelaySeconds?: number;
  readonly mergeMethod?: 'merge' | 'squash' | 'fast-forward';
  /** Seconds during which a merged request does not show its commit yet. Default 5. */
  readonly landedShaDelaySeconds?: number;
  /** Seconds until mergeability is known. Default 3. */
  readonly mergeabilitySeconds?: number;
}
