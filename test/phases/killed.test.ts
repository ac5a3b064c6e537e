import { describe, expect, it } from '@jest/globals';
import type { Direction } from '../../lib/domain/rollout.js';
import { analyzeFailure } from '../../lib/phases/analyze-failure.js';
import { announce } from '../../lib/phases/announce.js';
import { awaitMerge } from '../../lib/phases/await-merge.js';
import { checkCluster } from '../../lib/phases/check-cluster.js';
import { decide } from '../../lib/phases/decide.js';
import { judgeMerge } from '../../lib/phases/judge-merge.js';
import { measure } from '../../lib/phases/measure.js';
import { openMergeRequest } from '../../lib/phases/open-merge-request.js';
import { plan } from '../../lib/phases/plan.js';
import { resumeRollout } from '../../lib/phases/resume.js';
import { settleRollout } from '../../lib/phases/settle.js';
import { sweep } from '../../lib/phases/sweep.js';
import { takeWebhook } from '../../lib/phases/take-webhook.js';
import { restartDataPlane, watchFlux } from '../../lib/phases/watch-flux.js';
import {
  admitted,
  checked,
  EXECUTION,
  fluxApplies,
  input,
  KEY,
  merged,
  planned,
  proposed,
  restarted,
  rollingBack,
} from '../support/fakes/drive.js';
import { differentEndings } from '../support/fakes/ending.js';
import { PROJECT, SHORT, WAVE, type World, world } from '../support/fakes/world.js';

/** Where a step begins, and the step. Every one is killed before and after each of its calls and run again. */
interface Step {
  readonly from: (w: World) => Promise<unknown> | undefined;
  readonly act: (w: World) => Promise<unknown>;
}

const at = (direction: Direction) => ({ rollout: KEY, direction });

const STEPS: Readonly<Record<string, Step>> = {
  plan: {
    from: async () => {},
    act: (w) => plan({ input: input(), execution: EXECUTION }, w.ports),
  },
  'plan of a dry run': {
    from: async () => {},
    act: (w) => plan({ input: input({ dry_run: true }), execution: EXECUTION }, w.ports),
  },
  'plan that goes on after a late merge': {
    from: async (w) => {
      await proposed(w);
      await settleRollout({ rollout: KEY, outcome: 'halted', verdict: null, reason: 'closed' }, w.ports);
      w.git.merge(1);
    },
    act: (w) => plan({ input: input({ start: 'verify' }), execution: 'arn:execution-2' }, w.ports),
  },
  'check before': {
    from: planned,
    act: (w) => checkCluster({ ...at('forward'), stage: 'before', clusters: [...WAVE], atOnce: 2 }, w.ports),
  },
  'measure before': { from: planned, act: (w) => measure({ ...at('forward'), stage: 'before' }, w.ports) },
  'decide before': {
    from: async (w) => {
      await planned(w);
      await checked(w);
      await measure({ ...at('forward'), stage: 'before' }, w.ports);
    },
    act: (w) => decide({ ...at('forward'), stage: 'before' }, w.ports),
  },
  'open the merge request': {
    from: admitted,
    act: (w) => openMergeRequest({ ...at('forward'), reason: '' }, w.ports),
  },
  'wait for the merge': {
    from: proposed,
    act: (w) => awaitMerge({ ...at('forward'), taskToken: 'token-1' }, w.ports),
  },
  'judge a merge': {
    from: async (w) => {
      await proposed(w);
      w.git.merge(1);
    },
    act: (w) => judgeMerge({ ...at('forward'), gateExpired: false }, w.ports),
  },
  'judge a changed branch': {
    from: async (w) => {
      await proposed(w);
      await awaitMerge({ ...at('forward'), taskToken: 'token-1' }, w.ports);
      w.git.push({ 'clusters/README.yaml': '# more\n' }, { branch: w.git.requests[0]!.branch });
    },
    act: (w) => judgeMerge({ ...at('forward'), gateExpired: false }, w.ports),
  },
  'measure the baseline': {
    from: merged,
    act: (w) => measure({ ...at('forward'), stage: 'baseline' }, w.ports),
  },
  'watch Flux': {
    from: async (w) => {
      await merged(w);
      fluxApplies(w);
    },
    act: (w) => watchFlux(at('forward'), w.ports),
  },
  'restart the data plane': {
    from: async (w) => {
      await merged(w);
      fluxApplies(w);
      await restartDataPlane(at('forward'), w.ports);
    },
    act: (w) => restartDataPlane(at('forward'), w.ports),
  },
  'soak that passes': {
    from: async (w) => {
      await restarted(w);
      await measure({ ...at('forward'), stage: 'soak' }, w.ports);
      w.clock.advance(10);
    },
    act: (w) => measure({ ...at('forward'), stage: 'soak' }, w.ports),
  },
  'open the rollback': {
    from: restarted,
    act: (w) => openMergeRequest({ ...at('back'), reason: 'P99 doubled' }, w.ports),
  },
  'analyze the failure': {
    from: restarted,
    act: (w) => analyzeFailure({ rollout: KEY, reason: 'P99 doubled' }, w.ports),
  },
  'tell people': { from: rollingBack, act: (w) => announce({ rollout: KEY }, w.ports) },
  'judge the rollback merge': {
    from: async (w) => {
      await rollingBack(w);
      w.git.merge(2);
    },
    act: (w) => judgeMerge({ ...at('back'), gateExpired: false }, w.ports),
  },
  'settle before the merge': {
    from: proposed,
    act: (w) => settleRollout({ rollout: KEY, outcome: 'halted', verdict: null, reason: 'expired' }, w.ports),
  },
  'settle healthy': {
    from: async (w) => {
      await restarted(w);
      await measure({ ...at('forward'), stage: 'soak' }, w.ports);
    },
    act: (w) =>
      settleRollout({ rollout: KEY, outcome: 'healthy', verdict: 'passed', reason: 'well' }, w.ports),
  },
  'settle a rollback that failed': {
    from: rollingBack,
    act: (w) =>
      settleRollout({ rollout: KEY, outcome: 'rollback-failed', verdict: null, reason: 'closed' }, w.ports),
  },
  'resume by a webhook': {
    from: async (w) => {
      await proposed(w);
      await awaitMerge({ ...at('forward'), taskToken: 'token-1' }, w.ports);
      w.git.merge(1);
    },
    act: async (w) => {
      await resumeRollout({ project: PROJECT, branch: w.git.requests[0]!.branch, iid: 1 }, w.ports);
      return w.executions.resumed;
    },
  },
  'start the verification of a late merge': {
    from: async (w) => {
      await proposed(w);
      await settleRollout({ rollout: KEY, outcome: 'halted', verdict: null, reason: 'closed' }, w.ports);
      w.git.merge(1);
    },
    act: (w) => resumeRollout({ project: PROJECT, branch: w.git.requests[0]!.branch, iid: 1 }, w.ports),
  },
  'take a webhook': {
    from: proposed,
    act: async (w) => {
      const branch = w.git.requests[0]!.branch;
      await takeWebhook(
        { id: 'd1', project: PROJECT, iid: 1, action: 'merge', state: 'merged', branch },
        w.ports,
      );
    },
  },
  'sweep a rollout that was stopped': {
    from: async (w) => {
      await proposed(w);
      await w.executions.stop(EXECUTION, 'by hand');
    },
    // A rollout that could not be swept is an entry of the report, and the next sweep's.
    act: async (w) => void (await sweep(w.ports)),
  },
};

describe('a phase that is killed at any call and run again', () => {
  it.each(Object.keys(STEPS))(
    '%s: ends as if nothing had happened',
    async (name) => {
      const { from, act } = STEPS[name]!;
      const { deaths, different } = await differentEndings(async () => {
        const w = world({ config: SHORT });
        await from(w);
        return w;
      }, act);
      expect(different).toEqual([]);
      expect(deaths).toBeGreaterThan(1);
    },
    120_000,
  );
});
