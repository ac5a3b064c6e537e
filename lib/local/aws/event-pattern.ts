import type { EventPattern, Matcher } from '../../config/event-rules.js';
import { UsageError } from '../../domain/errors.js';

/** EventBridge's content filtering: exact values, prefix, suffix, exists, anything-but. */
export function matchesPattern(pattern: EventPattern, event: unknown): boolean {
  const object = event !== null && typeof event === 'object' ? (event as Record<string, unknown>) : {};
  return Object.entries(pattern).every(([key, wanted]) => {
    const value = Object.hasOwn(object, key) ? object[key] : undefined;
    if (!isMatchers(wanted)) return matchesPattern(wanted, value);
    // A list in the event matches when one of its members does.
    const values = Array.isArray(value) ? value : [value];
    return wanted.some((matcher) => values.some((each) => matches(matcher, each)));
  });
}

/** @throws UsageError naming what this engine does not know, before any event is lost to it */
export function checkPattern(rule: string, pattern: EventPattern): void {
  for (const [key, wanted] of Object.entries(pattern)) {
    if (!isMatchers(wanted)) {
      checkPattern(rule, wanted);
      continue;
    }
    for (const matcher of wanted) {
      if (matcher === null || typeof matcher !== 'object') continue;
      const kinds = Object.keys(matcher);
      if (kinds.length !== 1 || !['prefix', 'suffix', 'exists', 'anything-but'].includes(kinds[0]!)) {
        throw new UsageError(
          `event rule ${rule}: '${key}' is matched by ${kinds.join(', ')}; the embedded engine knows exact values, prefix, suffix, exists and anything-but`,
        );
      }
    }
  }
}

function isMatchers(wanted: readonly Matcher[] | EventPattern): wanted is readonly Matcher[] {
  return Array.isArray(wanted);
}

function matches(matcher: Matcher, value: unknown): boolean {
  if (matcher === null || typeof matcher !== 'object') return value === matcher;
  if ('exists' in matcher) return (value !== undefined) === matcher.exists;
  if ('prefix' in matcher) return typeof value === 'string' && value.startsWith(matcher.prefix);
  if ('suffix' in matcher) return typeof value === 'string' && value.endsWith(matcher.suffix);
  const not = matcher['anything-but'];
  if (value === undefined) return false;
  if (Array.isArray(not)) return !not.includes(value);
  if (typeof not === 'object') {
    return !(typeof value === 'string' && value.startsWith((not as { prefix: string }).prefix));
  }
  return value !== not;
}
