import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { bundleHandlers } from '../../lib/infra/bundle.js';

interface Measure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

const run = promisify(execFile);
const RUNS = 3;

/** Size of every handler's bundle, and how long a fresh Node needs to import it: the part of a cold start that is ours. */
export async function bundlesBench(): Promise<Measure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'guard-bundles-'));
  try {
    const { folders, bytes } = await bundleHandlers(folder);
    const measures: Measure[] = [];
    for (const [handler, path] of Object.entries(folders)) {
      const times: number[] = [];
      for (let i = 0; i < RUNS; i++) times.push(await importTime(join(path, 'index.mjs')));
      measures.push(
        { name: `bundle_kb.${handler}`, value: Math.round(bytes[handler]! / 1_024), unit: 'KB' },
        { name: `init_ms.${handler}`, value: Math.round(median(times)), unit: 'ms' },
      );
    }
    return measures;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function importTime(file: string): Promise<number> {
  const program = `const from = performance.now();
await import(${JSON.stringify(pathToFileURL(file).href)});
process.stdout.write(String(performance.now() - from));`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program]);
  return Number(stdout);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
