import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { createIstioAnalyzer } from '../../lib/adapters/istioctl.js';
import type { Cluster } from '../../lib/domain/cluster.js';
import { RetryableError, TerminalError } from '../../lib/domain/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'guard-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
const CLUSTER = { cluster_id: 'eks-1' } as Cluster;
const FINDING = {
  code: 'IST0101',
  level: 'Error',
  message: 'Referenced host not found',
  origin: 'VirtualService a/b',
};

/** A binary that notes how it was called and does as the script says. */
function analyzer(script: string, timeoutMs = 10_000) {
  const path = join(folder, `istioctl-${Math.random()}`);
  writeFileSync(
    path,
    `#!/bin/sh\necho "$@" > ${path}.args\nfor file; do :; done\ncat "$file" > ${path}.config\nls -l "$file" > ${path}.mode\n${script}\n`,
  );
  chmodSync(path, 0o755);
  const note = (name: string) => readFileSync(`${path}.${name}`, 'utf8').trim();
  return { note, ...createIstioAnalyzer({ path, timeoutMs, kubeconfig: async () => '{"token":"t"}' }) };
}

describe('analyze', () => {
  it('is left out where no binary is configured', async () => {
    const none = createIstioAnalyzer({ path: undefined, kubeconfig: async () => '' });
    expect(await none.analyze(CLUSTER)).toBeUndefined();
  });

  it.each([0, 79])('gives the findings of exit code %i, and nothing of standard error', async (code) => {
    const tool = analyzer(
      `echo noise >&2; echo '${JSON.stringify([{ ...FINDING, documentationUrl: 'u' }])}'; exit ${code}`,
    );
    expect(await tool.analyze(CLUSTER)).toEqual([FINDING]);
  });

  it('hands over a kubeconfig that only we can read, and takes it away again', async () => {
    const tool = analyzer('echo "[]"');
    expect(await tool.analyze(CLUSTER)).toEqual([]);
    expect(tool.note('args')).toMatch(/^analyze -A -o json --kubeconfig \S+$/);
    expect(tool.note('config')).toBe('{"token":"t"}');
    expect(tool.note('mode')).toMatch(/^-rw-------/);
    expect(existsSync(tool.note('args').split(' ').at(-1) ?? '')).toBe(false);
  });

  it('takes the kubeconfig away after a failure too', async () => {
    const tool = analyzer('echo "Error: no connection" >&2; exit 1');
    await expect(tool.analyze(CLUSTER)).rejects.toThrow(
      /^Cannot analyze cluster eks-1 with .*: exit code 1: Error: no connection$/,
    );
    expect(existsSync(tool.note('args').split(' ').at(-1) ?? '')).toBe(false);
  });

  it.each([
    ['nothing', ''],
    ['words', 'echo "No validation issues found"'],
    ['another shape', 'echo "{}"'],
  ])('is an error when the output is %s', async (_name, script) => {
    await expect(analyzer(script).analyze(CLUSTER)).rejects.toBeInstanceOf(TerminalError);
  });

  it('is an error when the binary is not there, and may be tried again when it was too slow', async () => {
    const none = createIstioAnalyzer({ path: join(folder, 'nothing'), kubeconfig: async () => '' });
    await expect(none.analyze(CLUSTER)).rejects.toThrow(
      /it cannot be run \(ENOENT\); check istio.istioctl_path/,
    );
    await expect(analyzer('exec sleep 30', 100).analyze(CLUSTER)).rejects.toBeInstanceOf(RetryableError);
  });
});
