/** Shapes of secrets that can turn up in messages and headers, whoever wrote them. */
const PATTERNS: readonly RegExp[] = [
  /\bgl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas)-[\w.-]{8,}/g, // GitLab tokens
  /\bk8s-aws-v1\.[\w-]+/g, // EKS bearer tokens
  /\bBearer\s+[\w.~+/-]{8,}=*/gi,
  /\b(?:PRIVATE-TOKEN|DD-API-KEY|DD-APPLICATION-KEY|X-Gitlab-Token)["']?\s*[:=]\s*["']?[^\s"',;]+/gi,
  /\b(?:aws_?secret_?access_?key|secretAccessKey|aws_?session_?token|sessionToken)["']?\s*[:=]\s*["']?[\w/+=-]{8,}/gi,
  /\bX-Amz-(?:Security-Token|Signature|Credential)=[^&\s"]+/gi,
  /\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /\bhttps:\/\/hooks\.slack\.com\/[\w/-]+/g,
];

/** Fields whose whole value is a secret, whatever it looks like. */
const SECRET_FIELD =
  /^(?:.*[_-])?(?:password|passwd|secret|token|task_?token|api_?key|app_?key|application_?key|authorization|secret_?access_?key|session_?token|private_?token|signing_?token)$/i;
const CAMEL_SECRET_FIELD = /(?:Password|Secret|Token|ApiKey|AppKey|SecretAccessKey)$/;

const HIDDEN = '[redacted]';
/** Shorter values would hide ordinary words. */
const SHORTEST_SECRET = 6;
/** A long-lived process sees many short-lived credentials; the oldest have expired. */
const MOST_SECRETS = 500;
const known = new Set<string>();

/** Every value that was read as a secret is never written again by this process. */
export function registerSecret(value: string): void {
  if (value.length < SHORTEST_SECRET) return;
  known.delete(value);
  known.add(value);
  if (known.size > MOST_SECRETS) known.delete(known.values().next().value ?? '');
}

export function redactText(text: string): string {
  let result = text;
  for (const secret of known) if (result.includes(secret)) result = result.replaceAll(secret, HIDDEN);
  for (const pattern of PATTERNS) result = result.replace(pattern, HIDDEN);
  return result;
}

/** A copy without secrets. Errors become `{name, message, stack, context, cause}`; cycles and depth are cut. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return value;
  if (depth > 8) return '[too deep]';
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  if (isError(value)) {
    const { name, message, cause } = value;
    const context = (value as { context?: unknown }).context;
    return {
      name,
      message: redactText(message),
      // Our own errors say what happened; where it happened matters only for mistakes in the code.
      ...(name.startsWith('Guard') || depth > 1 ? {} : { stack: redactText(value.stack ?? '') }),
      ...(context === undefined ? {} : { context: redact(context, depth + 1) }),
      ...(cause === undefined ? {} : { cause: redact(cause, depth + 1) }),
    };
  }
  if (value instanceof Date) return value.toISOString();
  const copy: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const hide =
      typeof item === 'string' && item !== '' && (SECRET_FIELD.test(key) || CAMEL_SECRET_FIELD.test(key));
    copy[key] = hide ? HIDDEN : redact(item, depth + 1);
  }
  return copy;
}

/** Errors made by Node's core are of another realm in some test runners, so `instanceof` alone is not enough. */
function isError(value: object): value is Error {
  return (
    value instanceof Error ||
    (Object.prototype.toString.call(value) === '[object Error]' && 'message' in value)
  );
}
