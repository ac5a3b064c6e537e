import { analyzeFailure } from '../lib/phases/analyze-failure.js';
import { analyzeFailureInput } from '../lib/phases/contracts.js';
import { phaseHandler } from './support/phase.js';
import { storage } from './support/storage.js';

/** Explains a failure from what was recorded. */
export const handler = phaseHandler(analyzeFailureInput, analyzeFailure, storage);
