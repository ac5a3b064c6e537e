import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { judgeMetric } from '../../lib/analysis/analysis-run.js';
import { loadTemplates, resolveTemplate } from '../../lib/analysis/template.js';
import { register } from '../../lib/cli/templates.js';
import { runCommand } from '../support/guard-command.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'templates-'));
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...args: string[]) => runCommand(register, ['templates', ...args], { cwd: folder });

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
    expect({ out, code }).toEqual({ out: ['34 files in out'], code: 0 });
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
    expect(await run('check', 'out')).toEqual({ out: ['32 templates, 0 findings'], err: [], code: 0 });
  });

  it('every exported template resolves, is scoped to a cluster, passes good data and not bad or no data', async () => {
    const asked = { prometheus: 0, datadog: 0 };
    for (const name of (await readdir(join(folder, 'out'))).filter((one) => one.startsWith('guard-'))) {
      const [template] = loadTemplates(await readFile(join(folder, 'out', name), 'utf8'), name);
      const args = { 'prometheus-address': 'http://prometheus', cluster: 'prod-1' };
      for (const metric of resolveTemplate(template!, { args })) {
        const { prometheus, datadog } = metric.provider;
        const queries = datadog ? (datadog.queries ?? { only: datadog.query! }) : { only: prometheus!.query };
        for (const query of Object.values(queries))
          expect(query).toContain(datadog ? 'kube_cluster_name:prod-1' : 'cluster="prod-1"');
        asked[datadog ? 'datadog' : 'prometheus'] += 1;
        // What the provider gives: Prometheus and a grouped query a list, another query of Datadog a number.
        const list = !datadog || Object.values(queries).join().includes(' by {');
        const taken = (value: unknown) =>
          Array.from({ length: metric.count! }, (_, i) => ({
            at: i * 60_000,
            result: list && value !== null ? [value].flat() : value,
          }));
        expect(judgeMetric(metric, taken(0), 0).verdict).toBe('passed');
        expect(judgeMetric(metric, taken(1e12), 0).verdict).toBe('failed');
        for (const nothing of [null, [], Number.NaN])
          expect(judgeMetric(metric, taken(nothing), 0).verdict).toBe('inconclusive');
      }
    }
    expect(asked.datadog).toBe(asked.prometheus);
  });

  it('has the Datadog template of each one for Prometheus, in the shape of Argo Rollouts', async () => {
    const names = (await readdir(join(folder, 'out'))).filter((one) => one.startsWith('guard-'));
    const plain = names.filter((one) => !one.includes('-datadog'));
    expect(names.filter((one) => one.includes('-datadog'))).toEqual(
      plain.map((one) => one.replace(/(-production)?\.yaml$/, '-datadog$1.yaml')).sort(),
    );
    for (const name of names.filter((one) => one.includes('-datadog'))) {
      const { spec } = parse(await readFile(join(folder, 'out', name), 'utf8'));
      for (const { provider } of spec.metrics) {
        const { apiVersion, query, queries, formula, secretRef } = provider.datadog;
        expect(apiVersion).toBe('v2');
        expect(secretRef).toEqual({ name: 'datadog' });
        expect((query === undefined) !== (queries === undefined)).toBe(true);
        // Every query has a part in the formula, or its silence would not be noticed.
        for (const each of Object.keys(queries ?? {})) expect(formula).toMatch(new RegExp(`\\b${each}\\b`));
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
