import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import type { Cluster } from '../domain/cluster.js';
import { RetryableError, TerminalError } from '../domain/errors.js';
import type { IstioAnalyzer } from '../ports/istio-analyzer.js';
import { parseJson } from './shared/http.js';
import { redactText } from './shared/redact.js';

export interface IstioAnalyzerOptions {
  /** `istio.istioctl_path`; without it nothing is analyzed. */
  readonly path: string | undefined;
  /** Text of a kubeconfig for the cluster. */
  readonly kubeconfig: (cluster: Cluster) => Promise<string>;
  readonly timeoutMs?: number;
}

/** Exit code for findings; JSON output exits with 0 for them, some builds with this one. */
const FINDINGS = 79;
const MOST_OUTPUT = 64 * 1024 * 1024;

const findings = z.array(
  z.object({
    code: z.string(),
    level: z.string(),
    message: z.string(),
    origin: z.string().optional(),
  }),
);

/** `istioctl analyze` of a whole cluster, by a binary of the user's own. */
export function createIstioAnalyzer({
  path,
  kubeconfig,
  timeoutMs = 60_000,
}: IstioAnalyzerOptions): IstioAnalyzer {
  return {
    async analyze(cluster) {
      if (path === undefined) return undefined;
      const what = `analyze cluster ${cluster.cluster_id} with ${path}`;
      const config = await kubeconfig(cluster);
      // It holds a token: nobody else may read it, and it goes away whatever happens.
      const folder = await mkdtemp(join(tmpdir(), 'guard-'));
      try {
        const file = join(folder, 'kubeconfig');
        await writeFile(file, config, { mode: 0o600 });
        const text = await run(path, ['analyze', '-A', '-o', 'json', '--kubeconfig', file], timeoutMs, what);
        const parsed = findings.safeParse(parseJson(text, what));
        if (parsed.success) return parsed.data;
        throw new TerminalError(`Cannot ${what}: its output is not a list of findings`, {
          cause: parsed.error,
        });
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

/** Standard output. Standard error is kept apart: the friendly "no issues" goes there. */
function run(path: string, args: string[], timeoutMs: number, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      path,
      args,
      { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: MOST_OUTPUT },
      (error, stdout, stderr) => {
        if (!error || error.code === (FINDINGS as unknown)) return resolve(stdout);
        if (error.killed && typeof error.code !== 'string') {
          return reject(new RetryableError(`Cannot ${what}: not done within ${timeoutMs / 1000} s`));
        }
        const said = redactText(stderr.trim().split('\n')[0] || error.message).slice(0, 300);
        reject(
          new TerminalError(
            typeof error.code === 'string'
              ? `Cannot ${what}: it cannot be run (${error.code}); check istio.istioctl_path`
              : `Cannot ${what}: exit code ${error.code}: ${said}`,
            { context: { code: error.code } },
          ),
        );
      },
    );
  });
}
