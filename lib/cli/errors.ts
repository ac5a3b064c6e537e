import { messageOf, RefusedError, UsageError } from '../domain/errors.js';
import { EXIT, type Io } from './io.js';

/** Runs a command; whatever it throws becomes one clear line and an exit code. */
export async function guarded(io: Io, command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    io.err(`guard: ${messageOf(error)}${hintFor(error, io)}`);
    io.exit(codeOf(error));
  }
}

/**
 * Nobody listens at an address that the environment names: most often `guard local` has ended. Somebody listens
 * already where this command would: most often another `guard local`.
 */
function hintFor(error: unknown, { env }: Io): string {
  if (messageOf(error).includes('EADDRINUSE'))
    return '; is guard local running already? stop it, or give this one another --port (it takes five in a row)';
  const endpoint = env.AWS_ENDPOINT_URL;
  if (!endpoint || !messageOf(error).includes('ECONNREFUSED')) return '';
  return `; AWS_ENDPOINT_URL is ${endpoint}: is guard local running?`;
}

function codeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof RefusedError) return EXIT.refused;
  return EXIT.failed;
}
