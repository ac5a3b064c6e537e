import type { Accounts } from '../../lib/local/aws/accounts.js';
import { createDiscreteClock } from '../../lib/local/discrete-clock.js';
import { type Engine, type EngineOptions, startEngine } from '../../lib/local/engine.js';
import { createFakeExecutions } from './fake-executions.js';

export const REGION = 'eu-west-1';
export const ACCOUNT = '111122223333';
export const ROLE = 'arn:aws:iam::444455556666:role/guard/reader';
export const START = Date.UTC(2026, 0, 1);

/** One role with an external id, and one cluster in that role's account. */
export const accounts: Accounts = {
  role: (arn) => (arn === ROLE ? { externalId: 'shared-secret' } : undefined),
  cluster: (name, region) =>
    name === 'prod-1' && region === REGION
      ? {
          name,
          arn: `arn:aws:eks:${REGION}:444455556666:cluster/prod-1`,
          version: '1.33',
          status: 'ACTIVE',
          endpoint: 'https://127.0.0.1:6443',
          createdAt: new Date(START),
        }
      : undefined,
};

/** An engine with a fake interpreter and no handlers but those given; the environment points at it. */
export function startTestEngine(options: Partial<EngineOptions> = {}): Promise<Engine> {
  return startEngine({
    clock: createDiscreteClock({ start: START }),
    accounts,
    region: REGION,
    account: ACCOUNT,
    handlers: {},
    machines: { 'guard-rollout': { StartAt: 'A' } },
    rules: [],
    createExecutions: createFakeExecutions,
    ...options,
  });
}
