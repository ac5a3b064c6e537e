import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Command } from 'commander';
import { parse } from 'yaml';
import { judgeMetric } from '../../lib/analysis/analysis-run.js';
import { loadTemplates, resolveTemplate } from '../../lib/analysis/template.js';
import { register } from '../../lib/cli/templates.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'templates-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function run(...args: string[]): Promise<{ out: string[]; err: string[]; code: number }> {
  const said = { out: [] as string[], err: [] as string[], code: 0 };
  const program = new Command().exitOverride();
  register(program, {
    out: (text) => said.out.push(text),
    err: (text) => said.err.push(text),
    exit: (code) => {
      said.code = Math.max(said.code, code);
    },
    color: false,
    cwd: folder,
    env: {},
  });
  await program.parseAsync(['templates', ...args], { from: 'user' });
  return said;
}

describe('guard templates', () => {
  it('exports every built-in template, cluster-scoped, with kustomization and Application', async () => {
    const { out, code } = await run(
      'export',
      '--format',
      'argo-rollouts',
      '--output',
      'out',
      '--repo-url',
      'https://git/x.git',
    );
    expect({ out, code }).toEqual({ out: ['18 files in out'], code: 0 });
    const files = await readdir(join(folder, 'out'));
    const read = async (name: string) => parse(await readFile(join(folder, 'out', name), 'utf8'));
    const manifests = files.filter((name) => name.startsWith('guard-')).sort();
    expect((await read('kustomization.yaml')).resources).toEqual(manifests);
    expect((await read('application.yaml')).spec.source).toEqual({
      repoURL: 'https://git/x.git',
      targetRevision: 'HEAD',
      path: 'guard-templates',
    });
    for (const name of manifests) expect((await read(name)).kind).toBe('ClusterAnalysisTemplate');
    expect(manifests.filter((name) => name.endsWith('-production.yaml'))).toHaveLength(manifests.length / 2);
  });

  it('finds nothing wrong in its own export', async () => {
    expect(await run('check', 'out')).toEqual({ out: ['16 templates, 0 findings'], err: [], code: 0 });
  });

  it('every exported template resolves, is scoped to a cluster, passes good data and not bad or no data', async () => {
    for (const name of (await readdir(join(folder, 'out'))).filter((one) => one.startsWith('guard-'))) {
      const [template] = loadTemplates(await readFile(join(folder, 'out', name), 'utf8'), name);
      const args = { 'prometheus-address': 'http://prometheus', cluster: 'prod-1' };
      for (const metric of resolveTemplate(template!, { args })) {
        expect(metric.provider.prometheus!.query).toContain('cluster="prod-1"');
        const taken = (result: unknown) =>
          Array.from({ length: metric.count! }, (_, i) => ({ at: i * 60_000, result }));
        expect(judgeMetric(metric, taken([0]), 0).verdict).toBe('passed');
        expect(judgeMetric(metric, taken([1e12]), 0).verdict).toBe('failed');
        expect(judgeMetric(metric, taken([]), 0).verdict).toBe('inconclusive');
      }
    }
  });

  it('lists names and what they say', async () => {
    const { out } = await run('list');
    expect(out.find((line) => line.startsWith('guard-latest-images\n'))).toContain('never running');
  });

  it('reports findings with their file and exits with 1', async () => {
    await writeFile(join(folder, 'out', 'kustomization.yaml'), 'resources: [nothing.yaml]\n');
    const { out, code } = await run('check', 'out');
    expect(code).toBe(1);
    expect(out).toContain('kustomization.yaml: resources names nothing.yaml, which is not here');
  });

  it('refuses a folder that is not there or holds no template', async () => {
    expect((await run('check', 'nowhere')).err[0]).toMatch(/^nowhere: cannot be read/);
    await writeFile(join(folder, 'readme.yaml'), 'a: 1\n');
    await rm(join(folder, 'out'), { recursive: true });
    expect(await run('check', '.')).toMatchObject({ err: ['.: no analysis template in it'], code: 2 });
  });
});
