import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { register } from '../../lib/cli/diff.js';
import type { GitRemote } from '../../lib/cli/git-remote.js';
import { parseConfig } from '../../lib/config/load.js';
import type { Cluster } from '../../lib/domain/cluster.js';
import { files, fluxKustomization, release, variableTree } from '../support/gitops-trees.js';
import { runCommand } from '../support/guard-command.js';

const config = parseConfig(
  'aws: {region: us-east-1}\ngitlab: {url: https://gitlab.example.com, default_target_branch: trunk}\n',
  'guard.yaml',
);

function cluster(cluster_id: string, batch_id: string, gitlab_repo = 'infra/one'): Cluster {
  return { cluster_id, batch_id, gitlab_repo } as Cluster;
}

const fleet = [cluster('a', 'first'), cluster('b', 'first'), cluster('c', 'second')];
const tree = variableTree({ a: '1.28.2', b: '1.29.1', c: '1.28.2' });

async function diff(
  args: readonly string[],
  trees = new Map([['infra/one', tree]]),
  members = fleet,
  gitops = config.gitops,
) {
  const read: string[] = [];
  const remote: GitRemote = {
    config: { ...config, gitops },
    registry: { all: async () => members },
    git: {
      snapshot: async (project, ref) => {
        read.push(`${project}@${ref}`);
        return { sha: '0'.repeat(40), files: trees.get(project)! };
      },
    },
  };
  const { out, err, code } = await runCommand(
    (program, io) => register(program, io, () => remote),
    ['diff', ...args],
  );
  const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');
  return { out: text(out), err: text(err), code, read };
}

describe('guard diff', () => {
  it('prints the change of the whole batch as a unified diff, read from the target branch once', async () => {
    const { out, code, read } = await diff(['--batch', 'first', '--target-version', '1.30.2']);
    expect([code, read]).toEqual([0, ['infra/one@trunk']]);
    expect(out.match(/^[-+] .*$/gm)).toEqual([
      '-      ISTIO_VERSION: 1.28.2 # chart',
      '+      ISTIO_VERSION: 1.30.2 # chart',
      '-      ISTIO_VERSION: 1.29.1 # chart',
      '+      ISTIO_VERSION: 1.30.2 # chart',
    ]);
  });

  it('prints the edits as a YAML list whose versions stay texts', async () => {
    const { out } = await diff(['--batch', 'second', '--target-version', '1.30.2', '--format', 'yaml']);
    expect(parse(out)).toEqual([
      {
        project: 'infra/one',
        file: 'clusters/c/istio.yaml',
        doc: 0,
        path: 'spec.postBuild.substitute.ISTIO_VERSION',
        from: '1.28.2',
        to: '1.30.2',
      },
    ]);
  });

  it('computes each repository of a batch against its own clusters', async () => {
    const trees = new Map([
      ['infra/one', variableTree({ a: '1.28.2' })],
      ['infra/two', variableTree({ z: '1.28.2' })],
    ]);
    const members = [cluster('a', 'first'), cluster('z', 'first', 'infra/two')];
    const { out, code } = await diff(['--batch', 'first', '--target-version', '1.29.0'], trees, members);
    expect(code).toBe(0);
    expect(out.match(/^# .*$/gm)).toEqual(['# infra/one', '# infra/two']);
  });

  it('says so when the batch is there already', async () => {
    const { out, code } = await diff(['--batch', 'second', '--target-version', '1.28.2']);
    expect([code, out]).toEqual([0, 'nothing to change\n']);
  });

  it('refuses with 3 and prints no half of a change', async () => {
    const shared = new Map(tree).set('clusters/a/istio.yaml', release('istiod', 'istiod', '1.28.*'));
    const { out, err, code } = await diff(
      ['--batch', 'first', '--target-version', '1.30.2'],
      new Map([['infra/one', shared]]),
    );
    expect([code, out]).toEqual([3, '']);
    expect(err).toContain('is a range');
  });

  it('shows what a rollout would insert: as the configuration says, or as it is asked here', async () => {
    const shared = files({
      'infra/istiod.yaml': release('istiod', 'istiod', '1.28.2'),
      ...Object.fromEntries(
        ['a', 'b', 'c'].map((id) => [`clusters/${id}/istio.yaml`, fluxKustomization('istio', 'infra')]),
      ),
    });
    const trees = new Map([['infra/one', shared]]);
    const args = ['--batch', 'first', '--target-version', '1.29.0'];
    const asked = await diff([...args, '--structural'], trees);
    expect([asked.code, asked.err]).toEqual([0, '']);
    expect(asked.out).toContain('value: 1.29.0');
    const on = { structural: true, add_depends_on: false };
    expect((await diff(args, trees, fleet, on)).out).toBe(asked.out);
    expect((await diff(args, trees)).code).toBe(3);
    expect((await diff([...args, '--no-structural'], trees, fleet, on)).code).toBe(3);
  });

  it.each([
    [
      ['--batch', 'nope', '--target-version', '1.30.2'],
      'no cluster is in it; the registry has first, second',
    ],
    [['--batch', 'first', '--target-version', '1.30'], 'is not one exact version'],
    [['--batch', 'first', '--target-version', '1.30.2', '--format', 'json'], 'use unified or yaml'],
    [['--batch', 'first', '--target-version', '1.30.2', '--target', 'nginx'], 'no such target'],
  ])('answers wrong usage %j with 2 and one line', async (args, line) => {
    const { code, err, read } = await diff(args);
    expect([code, read, err.trim().split('\n').length]).toEqual([2, [], 1]);
    expect(err).toContain(line);
  });
});
