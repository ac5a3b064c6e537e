import { decideInput } from '../lib/phases/contracts.js';
import { decide } from '../lib/phases/decide.js';
import { phaseHandler } from './support/phase.js';
import { ofDecide } from './support/samples.js';
import { storage } from './support/storage.js';

/** The worst verdict over every report of every cluster. */
export const handler = phaseHandler(decideInput, decide, storage, ofDecide);
