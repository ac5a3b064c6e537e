import * as z from 'zod';
import { type ResumePorts, resumeRollout } from '../lib/phases/resume.js';
import { executions } from './support/executions.js';
import { git } from './support/git.js';
import { phaseHandler } from './support/phase.js';
import { storage } from './support/storage.js';

const mergeRequestChanged = z.object({
  detail: z.object({ project: z.string(), branch: z.string(), iid: z.number().int() }),
});

/** A merge request changed: resumes the rollout that waits for it, when the request itself says so. */
export const handler = phaseHandler(
  mergeRequestChanged,
  ({ detail }, ports: ResumePorts) => resumeRollout(detail, ports),
  (runtime) => ({
    ...storage(runtime),
    ...git(runtime),
    ...executions(runtime),
  }),
);
