import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { PROJECT } from './stack-support.js';

jest.setTimeout(120_000);
const folder = mkdtempSync(join(tmpdir(), 'guard-app-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** bin/app.ts as the CDK's command starts it. */
async function app(context: Record<string, string>): Promise<{ code: number; err: string }> {
  const env = { ...process.env, CDK_CONTEXT_JSON: JSON.stringify(context), CDK_OUTDIR: join(folder, 'out') };
  try {
    await promisify(execFile)(process.execPath, ['--import', 'tsx', 'bin/app.ts'], { cwd: PROJECT, env });
    return { code: 0, err: '' };
  } catch (error) {
    const { code, stderr } = error as { code: number; stderr: string };
    return { code, err: stderr.trim() };
  }
}

describe('the CDK app', () => {
  it('says in one line for each thing what is wrong with a configuration, and makes nothing of it', async () => {
    const file = join(folder, 'guard.yaml');
    writeFileSync(file, 'gitlab: { url: nonsense }\nrollbacks: {}\n');
    const { code, err } = await app({ config: file });
    expect(code).toBe(1);
    expect(err.split('\n')).toEqual([
      `guard: ${file}: gitlab.url: must be a URL, such as https://gitlab.example.com`,
      expect.stringMatching(/guard\.yaml: rollbacks: unknown key; did you mean 'rollback'\?/),
    ]);
  });

  it('says so when there is no such file or stage', async () => {
    expect(await app({ config: 'none.yaml' })).toEqual({
      code: 1,
      err: 'guard: none.yaml: no such configuration file; examples/guard.yaml shows one',
    });
    expect(await app({ config: 'examples/guard.yaml', stage: 'prod' })).toEqual({
      code: 1,
      err: "guard: no stage 'prod'; there are production, trial",
    });
  });
});
