/** A task token names its execution, so that a token of a closed task is told from one that never was. */
export function encodeToken(executionArn: string, secret: string): string {
  return Buffer.from(JSON.stringify([executionArn, secret])).toString('base64url');
}

/** The execution's ARN; undefined when this is no token of this engine. */
export function executionOf(token: string): string | undefined {
  try {
    const told: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(told) && told.length === 2 && typeof told[0] === 'string') return told[0];
  } catch {
    // Not ours: answered below.
  }
  return undefined;
}
