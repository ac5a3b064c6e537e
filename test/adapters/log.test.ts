import { describe, expect, it } from '@jest/globals';
import { createLog, type LogOptions } from '../../lib/adapters/log.js';
import { registerSecret } from '../../lib/adapters/shared/redact.js';
import { TerminalError } from '../../lib/domain/errors.js';

function logged(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const log = createLog({ service: 'pre-check', write: (line) => lines.push(line), ...options });
  return { log, lines, first: () => JSON.parse(lines[0] ?? '{}') };
}

describe('createLog', () => {
  it('writes one JSON line with level, service, message and fields', () => {
    const { log, lines, first } = logged();
    log.info('checked', { cluster_id: 'eks-1', passed: 3 });
    expect(lines).toHaveLength(1);
    expect(first()).toMatchObject({
      level: 'INFO',
      service: 'pre-check',
      message: 'checked',
      cluster_id: 'eks-1',
      passed: 3,
      timestamp: expect.any(String),
    });
  });

  it('carries the rollout as correlation id, on that log only', () => {
    const { log, lines } = logged();
    log.withRollout('istio/1.30.2/a/1').warn('held');
    log.error('other');
    const [held, other] = lines.map((line) => JSON.parse(line));
    expect(held).toMatchObject({ correlation_id: 'istio/1.30.2/a/1', level: 'WARN' });
    expect(other).not.toHaveProperty('correlation_id');
  });

  it('keeps quiet below its level', () => {
    const { log, lines } = logged({ level: 'WARNING' });
    log.debug('a');
    log.info('b');
    log.warn('c');
    expect(lines).toHaveLength(1);
  });

  it('takes secrets out of messages, fields, nested errors and their causes', () => {
    registerSecret('s3cr3t-value');
    const { log, lines } = logged();
    const cause = new Error('header PRIVATE-TOKEN: abcdefgh refused');
    log.error('push with glpat-abcDEF123456 failed', {
      error: new TerminalError('token k8s-aws-v1.aHR0cHM6Ly9zdHM is bad', {
        cause,
        context: { url: 'x?X-Amz-Security-Token=FwoG123&y=1' },
      }),
      headers: { authorization: 'Basic abc', 'x-request-id': '7' },
      taskToken: 'AAAAKgAAAAIAAAAA',
      text: 'it is s3cr3t-value',
      list: ['secretAccessKey=wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY'],
    });
    expect(lines[0]).not.toMatch(/glpat-|aHR0c|abcdefgh|FwoG123|Basic abc|AAAAKg|s3cr3t|wJalr/);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      message: 'push with [redacted] failed',
      error: { name: 'GuardTerminalError', message: 'token [redacted] is bad' },
      headers: { 'x-request-id': '7' },
    });
  });

  it("does not let a field take the place of the logger's own", () => {
    const { log, first } = logged();
    log.info('real', { message: 'fake', level: 'ERROR', service: 'x' });
    expect(first()).toMatchObject({
      message: 'real',
      level: 'INFO',
      service: 'pre-check',
      message_: 'fake',
      level_: 'ERROR',
    });
  });

  it('survives cycles and big numbers', () => {
    const { log, lines } = logged();
    const cycle: Record<string, unknown> = { n: 1n };
    cycle.self = cycle;
    log.info('round', { cycle });
    expect(lines).toHaveLength(1);
  });

  it('writes plain lines for people', () => {
    const { log, lines } = logged({ format: 'text' });
    log.info('checked\ntwice', { cluster_id: 'eks-1', counts: { a: 1 } });
    expect(lines[0]).toMatch(/^\S+ INFO checked\\ntwice cluster_id=eks-1 counts=\{"a":1\}$/);
  });
});
