import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { parseConfig } from '../../lib/config/load.js';
import { bundleHandlers, CONFIG_FILE } from '../../lib/infra/bundle.js';
import { HANDLERS } from '../../lib/infra/handlers.js';

const folder = mkdtempSync(join(tmpdir(), 'guard-bundles-'));
const config = parseConfig('gitlab: { url: https://gitlab.test }', 'guard.yaml');
const bundles = await bundleHandlers(folder, config);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** KB of 1,024 bytes: handlers that talk to clusters, to GitLab, to neither. */
function limitOf(handler: string): number {
  const { needs } = HANDLERS[handler]!;
  if (needs.includes('clusters')) return 2_300;
  return needs.includes('git') ? 1_300 : 900;
}

describe('bundles', () => {
  it.each(Object.keys(HANDLERS))('%s is within its size', (handler) => {
    const kb = Math.ceil(bundles.bytes[handler]! / 1_024);
    expect(kb).toBeGreaterThan(100);
    expect(kb).toBeLessThanOrEqual(limitOf(handler));
  });

  it('hold the one language of zod that is used: a named import of it would bring all', () => {
    for (const files of Object.values(bundles.inputs)) {
      const languages = files.filter((file) => file.includes('node_modules/zod/v4/locales/'));
      expect(languages.map((file) => file.replace(/^.*\//, ''))).toEqual(['en.js']);
    }
  });

  it('hold neither the CDK, nor the whole Datadog client, nor the command line and its engine', () => {
    for (const files of Object.values(bundles.inputs)) {
      expect(files.length).toBeGreaterThan(50);
      const foreign = files.filter((file) =>
        /node_modules\/(aws-cdk-lib|constructs|dynalite|whatwg-url)\/|datadog-api-client\/dist\/index|^lib\/(local|simulation|cli)\//.test(
          file,
        ),
      );
      expect(foreign).toEqual([]);
    }
  });

  it('carry the configuration with its defaults, and no list of files', () => {
    const text = readFileSync(join(bundles.folders.Plan!, CONFIG_FILE), 'utf8');
    expect(parseConfig(text, CONFIG_FILE)).toEqual(config);
    expect(Object.keys(bundles.folders).sort()).toEqual(Object.keys(HANDLERS).sort());
  });

  it('start by themselves and keep the names of errors, which the state machine matches', async () => {
    const module = await import(pathToFileURL(join(bundles.folders.Notify!, 'index.mjs')).href);
    process.env.GUARD_CONFIG_FILE = join(bundles.folders.Notify!, CONFIG_FILE);
    const failure = await module.handler({ nonsense: true }).catch((error: Error) => error);
    delete process.env.GUARD_CONFIG_FILE;
    expect(failure.name).toBe('GuardUsageError');
    expect(failure.message).toContain('bad input');
  });
});
