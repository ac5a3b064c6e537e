import { Logger, type LogItem } from '@aws-lambda-powertools/logger';
import type { Log } from '../ports/log.js';
import { redact, redactText } from './shared/redact.js';

export interface RolloutLog extends Log {
  /** The same log with the rollout's key as correlation id on every line. */
  withRollout(key: string): Log;
}

export interface LogOptions {
  readonly service: string;
  readonly level?: 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR';
  readonly format?: 'json' | 'text';
  /** Takes one line without its end. Default: standard output, as Lambda wants it. */
  readonly write?: (line: string) => void;
}

type Fields = Record<string, unknown>;

/** Keys that the logger keeps for itself; a field of such a name is written with `_` behind it. */
const RESERVED = new Set(['level', 'message', 'timestamp', 'service', 'sampling_rate', 'correlation_id']);

/** Structured log, one line an event. Secrets are taken out of messages and fields, errors in fields included. */
export function createLog({
  service,
  level = 'INFO',
  format = 'json',
  write = toStdout,
}: LogOptions): RolloutLog {
  class LineLogger extends Logger {
    protected override printLog(_level: number, item: LogItem): void {
      item.prepareForPrint();
      const attributes = item.getAttributes();
      write(format === 'text' ? asText(attributes) : JSON.stringify(attributes, this.getJsonReplacer()));
    }
  }
  const logger = new LineLogger({ serviceName: service, logLevel: level === 'WARNING' ? 'WARN' : level });

  function logWith(persistent: Fields): Log {
    const extra = (fields: Fields | undefined) => ({ ...persistent, ...safe(fields ?? {}) });
    return {
      info: (message, fields) => logger.info(redactText(message), extra(fields)),
      warn: (message, fields) => logger.warn(redactText(message), extra(fields)),
      error: (message, fields) => logger.error(redactText(message), extra(fields)),
      debug: (message, fields) => logger.debug(redactText(message), extra(fields)),
    };
  }

  return { ...logWith({}), withRollout: (key) => logWith({ correlation_id: key }) };
}

function safe(fields: Fields): Fields {
  const clean = redact(fields) as Fields;
  return Object.fromEntries(
    Object.entries(clean).map(([key, value]) => [RESERVED.has(key) ? `${key}_` : key, value]),
  );
}

/** `2026-05-01T10:00:00.000Z INFO message key=value` */
function asText(attributes: Record<string, unknown>): string {
  const {
    timestamp,
    level,
    message,
    service: _,
    sampling_rate: __,
    xray_trace_id: ___,
    ...fields
  } = attributes;
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return `${timestamp} ${level} ${message}${rest.join('')}`.replaceAll('\n', '\\n');
}

function toStdout(line: string): void {
  process.stdout.write(`${line}\n`);
}
