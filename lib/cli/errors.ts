import { messageOf, RefusedError, UsageError } from '../domain/errors.js';
import { EXIT, type Io } from './io.js';

/** Runs a command; whatever it throws becomes one clear line and an exit code. */
export async function guarded(io: Io, command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    io.err(`guard: ${messageOf(error)}`);
    io.exit(codeOf(error));
  }
}

function codeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof RefusedError) return EXIT.refused;
  return EXIT.failed;
}
