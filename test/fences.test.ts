import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';

const run = promisify(execFile);
const PLANTED = 'lib/domain/planted-by-a-test';

async function fences(...paths: string[]): Promise<string> {
  try {
    const { stdout } = await run(process.execPath, [
      'node_modules/.bin/depcruise',
      '--config',
      '.dependency-cruiser.cjs',
      ...paths,
    ]);
    return stdout;
  } catch (error) {
    return String((error as { stdout?: string }).stdout);
  }
}

describe('the import fences', () => {
  afterEach(() => rmSync(PLANTED, { recursive: true, force: true }));

  it('hold', async () => {
    const report = await fences('bin', 'lib', 'lambdas');
    expect(report).toContain('no dependency violations found');
    // A tool that reads no TypeScript reports success, too.
    expect(Number(/\((\d+) modules/.exec(report)?.[1])).toBeGreaterThan(200);
  });

  it.each([
    [
      "import { handler } from '../../../lambdas/plan.js';\nexport const planted = handler;\n",
      'domain-imports',
    ],
    [
      "import type { Registry } from '../../ports/registry.js';\nexport type Planted = Registry;\n",
      'domain-imports',
    ],
    ["import { readFileSync } from 'node:fs';\nexport const planted = readFileSync;\n", 'pure'],
    ["import { App } from 'aws-cdk-lib';\nexport const planted = App;\n", 'cdk-only-in-infra'],
  ])('find a planted violation: %s', async (text, rule) => {
    mkdirSync(PLANTED, { recursive: true });
    writeFileSync(`${PLANTED}/planted.ts`, text);
    expect(await fences(PLANTED)).toContain(rule);
  });
});
