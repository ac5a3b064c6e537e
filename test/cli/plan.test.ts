import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Command } from 'commander';
import { register as registerBump } from '../../lib/cli/bump.js';
import type { Io } from '../../lib/cli/io.js';
import { register as registerPlan } from '../../lib/cli/plan.js';
import { writeAll } from '../../lib/cli/write-files.js';
import { fluxKustomization, release, variableTree } from '../support/gitops-trees.js';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'guard-plan-'));
  for (const [path, text] of variableTree({ a: '1.28.2', b: '1.29.1' })) put(path, text);
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}

const read = (path: string) => readFileSync(join(dir, path), 'utf8');

async function guard(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  let code = 0;
  const io: Io = {
    out: (text) => {
      said.out += `${text}\n`;
    },
    err: (text) => {
      said.err += `${text}\n`;
    },
    exit: (wanted) => {
      code = Math.max(code, wanted);
    },
    color: false,
    cwd: dir,
    env: {},
  };
  const program = new Command('guard').exitOverride();
  registerPlan(program, io);
  registerBump(program, io);
  await program.parseAsync(args, { from: 'user' });
  return { code, ...said };
}

const plan = (...more: string[]) =>
  guard('plan', '--tree', '.', '--clusters', 'a,b', '--target', 'istio', '--to', '1.30.2', ...more);

describe('guard plan', () => {
  it('shows the change and writes nothing', async () => {
    const before = read('clusters/a/istio.yaml');
    const { code, out } = await plan('--only', 'a');
    expect(code).toBe(0);
    expect(out).toContain(
      'a: 1.28.2 -> 1.30.2  clusters/a/istio.yaml spec.postBuild.substitute.ISTIO_VERSION (variable)',
    );
    expect(out).toContain('+      ISTIO_VERSION: 1.30.2 # chart');
    expect(read('clusters/a/istio.yaml')).toBe(before);
  });

  it('writes the change in place and leaves no other file behind', async () => {
    const before = read('clusters/a/istio.yaml');
    expect((await plan('--only', 'a', '--write')).code).toBe(0);
    expect(read('clusters/a/istio.yaml')).toBe(before.replace('1.28.2', '1.30.2'));
    expect(readdirSync(join(dir, 'clusters/a')).sort()).toEqual(['flux-system', 'istio.yaml']);
  });

  it('takes the wave from a registry file by batch, and prints JSON for programs', async () => {
    put(
      'fleet.json',
      JSON.stringify([
        { cluster_id: 'a', batch_id: 'one' },
        { cluster_id: 'b', batch_id: 'two' },
      ]),
    );
    const { out, code } = await guard(
      'plan',
      '--tree',
      '.',
      '--clusters',
      'fleet.json',
      '--batch',
      'two',
      '--target',
      'istio',
      '--to',
      '1.30.2',
      '--json',
    );
    const result = JSON.parse(out);
    expect(code).toBe(0);
    expect(result.clusters).toEqual([
      {
        cluster: 'b',
        from: '1.29.1',
        to: '1.30.2',
        file: 'clusters/b/istio.yaml',
        doc: 0,
        path: 'spec.postBuild.substitute.ISTIO_VERSION',
        via: ['clusters/b/istio.yaml', 'components/istio/kustomization.yaml', 'components/istio/base.yaml'],
        class: 'variable',
      },
    ]);
    expect(Object.keys(result)).toEqual(['clusters', 'reach', 'edits', 'coupled', 'refused', 'diff']);
  });

  it('refuses with 3, says why on stderr and writes nothing', async () => {
    put('clusters/a/istio.yaml', read('clusters/a/istio.yaml').replace('1.28.2', '1.28.*'));
    const before = read('clusters/a/istio.yaml');
    const { code, err } = await plan('--only', 'a', '--write');
    expect(code).toBe(3);
    expect(err).toContain('guard: refused: istio-base: clusters/a/istio.yaml');
    expect(err).toContain('is a range');
    expect(read('clusters/a/istio.yaml')).toBe(before);
  });

  it.each([
    [['--only', 'nope'], '--only nope: no such cluster'],
    [['--batch', 'nope'], '--batch nope: no cluster is in it'],
    [[], 'exactly one of --batch NAME and --only'],
    [['--only', 'a', '--tree', 'gone'], '--tree gone: cannot be read (ENOENT)'],
    [['--only', 'a', '--target', 'nginx'], '--target nginx: no such target'],
    [['--only', 'a', '--to', '1.30.*'], 'is not one exact version'],
    [['--only', 'a', '--clusters', 'gone.json'], '--clusters gone.json: no such file'],
  ])('answers wrong usage %j with 2 and one line', async (args, line) => {
    const { code, err } = await plan(...args);
    expect([code, err.trim().split('\n').length]).toEqual([2, 1]);
    expect(err).toContain(line);
  });

  it('refuses a symbolic link out of the tree', async () => {
    symlinkSync('/', join(dir, 'clusters/out'));
    expect(await plan('--only', 'a')).toMatchObject({
      code: 3,
      err: expect.stringContaining('clusters/out is a symbolic link out of the tree'),
    });
  });

  it('refuses a file of 50 MB', async () => {
    put('big.yaml', '');
    truncateSync(join(dir, 'big.yaml'), 50_000_000);
    expect(await plan('--only', 'a')).toMatchObject({
      code: 3,
      err: expect.stringContaining('big.yaml has 50 MB'),
    });
  });

  it('answers a tree that cannot be read with 2', async () => {
    put('file.txt', 'no folder');
    expect(await plan('--only', 'a', '--tree', 'file.txt')).toMatchObject({
      code: 2,
      err: 'guard: --tree file.txt: is not a folder\n',
    });
    mkdirSync(join(dir, 'empty'));
    expect(await plan('--only', 'a', '--tree', 'empty')).toMatchObject({
      code: 2,
      err: 'guard: --tree empty: has no YAML files\n',
    });
  });

  it('refuses kustomizations that include each other, when nothing else decides', async () => {
    put('clusters/a/istio.yaml', fluxKustomization('istio', 'one'));
    put('one/kustomization.yaml', 'resources: [../two]\n');
    put('two/kustomization.yaml', 'resources: [../one]\n');
    const { code, err } = await plan('--only', 'a');
    expect(code).toBe(3);
    expect(err).toContain('a cycle of kustomizations');
  });

  it.each([
    ['path: of a Flux Kustomization', { 'clusters/a/istio.yaml': fluxKustomization('istio', '../outside') }],
    [
      'resources: of a kustomization',
      {
        'clusters/a/istio.yaml': fluxKustomization('istio', 'one'),
        'one/kustomization.yaml': 'resources: [../../outside]\n',
      },
    ],
    [
      'an absolute path in resources:',
      {
        'clusters/a/istio.yaml': fluxKustomization('istio', 'one'),
        'one/kustomization.yaml': 'resources: [/etc]\n',
      },
    ],
  ])('refuses a way out of the tree by %s', async (_, more) => {
    for (const [path, text] of Object.entries(more)) put(path, text);
    const { code, err } = await plan('--only', 'a');
    expect(code).toBe(3);
    expect(err).toContain('leaves the tree and is refused');
  });

  it('refuses a link out of the tree in a single file, and follows none inside', async () => {
    mkdirSync(join(dir, 'links'));
    symlinkSync('../clusters', join(dir, 'links/in'));
    const { code, err } = await plan('--only', 'a');
    expect(code).toBe(0);
    expect(err).toContain('links/in is a symbolic link and is not followed');
    symlinkSync('/etc/hosts', join(dir, 'links/hosts.yaml'));
    expect((await plan('--only', 'a')).code).toBe(3);
  });

  it('takes version and updates from an upgrade spec and writes all of it', async () => {
    put(
      'spec.yml.txt',
      'version: 1.30.2\nupdates:\n- {path: spec.interval, value: 9m, kind: Kustomization, name: istio}\n',
    );
    const before = read('clusters/a/istio.yaml');
    const args = ['plan', '--tree', '.', '--clusters', 'a,b', '--target', 'istio', '--only', 'a'];
    expect((await guard(...args, '--spec', 'spec.yml.txt', '--write')).code).toBe(0);
    expect(read('clusters/a/istio.yaml')).toBe(before.replace('1.28.2', '1.30.2').replace('5m', '9m'));
    expect(await guard(...args)).toMatchObject({
      code: 2,
      err: expect.stringContaining('--to, or an upgrade spec'),
    });
    put('spec.yml.txt', 'version: 1.30.2\nupdates:\n- {path: spec.none, value: 1}\n');
    expect(await guard(...args, '--spec', 'spec.yml.txt')).toMatchObject({
      code: 2,
      err: 'guard: for a, updates.0 (spec.none): does not exist as a single value; check it, or set create: true\n',
    });
  });

  it('survives a bomb of aliases and deep nesting', async () => {
    const bomb = [
      'a: &a [x, x]',
      ...Array.from(
        { length: 30 },
        (_, i) => `b${i}: &b${i} [*${i === 0 ? 'a' : `b${i - 1}`}, *${i === 0 ? 'a' : `b${i - 1}`}]`,
      ),
    ];
    put('clusters/a/bomb.yaml', `kind: HelmRelease\n${bomb.join('\n')}\n`);
    put('clusters/a/deep.yaml', `kind: ConfigMap\nmetadata: {name: x}\ndata: ${'['.repeat(20_000)}\n`);
    expect((await plan('--only', 'b')).code).toBe(0);
  });
});

describe('what guard plan prints', () => {
  it('of a refusal for programs: reason, clusters, hint; warnings are for people, on stderr', async () => {
    put('infra/istiod.yaml', `${release('istiod', 'istiod', '1.28.2')}`);
    put('clusters/b/more.yaml', fluxKustomization('more', 'infra'));
    put('clusters/a/more.yaml', fluxKustomization('more', 'infra'));
    put('clusters/a/gateways.yaml', fluxKustomization('istio-gateways', 'gone'));
    const { code, out, err } = await plan('--only', 'a', '--json');
    expect(code).toBe(3);
    const { refused, edits } = JSON.parse(out);
    expect(edits).toEqual([]);
    expect(Object.keys(refused[0])).toEqual(['reason', 'clusters', 'hint']);
    expect(refused[0].clusters).toEqual(['b']);
    expect(err).toContain('guard: warning: ');
    expect(err).toContain('istio-gateways');
  });

  it('names the document of a file with several', async () => {
    const two = `${release('istio-base', 'base', '1.28.2')}---\n${release('istiod', 'istiod', '1.28.2')}`;
    put('clusters/c/istio.yaml', two);
    const { out } = await guard(
      ...['plan', '--tree', '.', '--clusters', 'c', '--only', 'c', '--target', 'istio', '--to', '1.29.0'],
    );
    expect(out).toContain('clusters/c/istio.yaml spec.chart.spec.version');
    expect(out).toContain('clusters/c/istio.yaml (document 1) spec.chart.spec.version');
  });
});

describe('guard bump', () => {
  it('edits one file and lists what it left alone', async () => {
    put('x.yaml', `${release('istiod', 'istiod', "'1.28.2'")}---\n${release('gateway', 'gateway', '${V}')}`);
    const { code, out } = await guard(
      'bump',
      'x.yaml',
      '--target',
      'istio',
      '--to',
      '1.30.2',
      '--json',
      '--write',
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      edits: [{ file: 'x.yaml', doc: 0, path: 'spec.chart.spec.version', from: '1.28.2', to: '1.30.2' }],
      skipped: [{ file: 'x.yaml', doc: 1, path: 'spec.chart.spec.version', value: '${V}' }],
    });
    expect(read('x.yaml')).toContain("version: '1.30.2'");
  });

  it('prints for programs just what was agreed', async () => {
    put('x.yaml', release('istiod', 'istiod', '1.28.2'));
    const { out } = await guard('bump', 'x.yaml', '--target', 'istio', '--to', '1.30.2', '--json');
    expect(Object.keys(JSON.parse(out))).toEqual(['edits', 'skipped', 'diff']);
  });

  it('refuses a range with 3', async () => {
    put('x.yaml', release('istiod', 'istiod', '1.28.x'));
    expect(await guard('bump', 'x.yaml', '--target', 'istio', '--to', '1.30.2', '--write')).toMatchObject({
      code: 3,
      err: expect.stringContaining('is a range'),
    });
  });

  it('edits before a fault of the YAML, and refuses behind it', async () => {
    put('x.yaml', `${release('istiod', 'istiod', '1.28.2')}  values:\n    a: b: c\n`);
    expect((await guard('bump', 'x.yaml', '--target', 'istio', '--to', '1.30.2')).code).toBe(0);
    put(
      'y.yaml',
      release('istiod', 'istiod', '1.28.2').replace('      version:', '      version: 1.0.0\n      version:'),
    );
    expect((await guard('bump', 'y.yaml', '--target', 'istio', '--to', '1.30.2')).code).toBe(3);
  });
});

describe('writeAll', () => {
  it('restores what it has renamed when a later file fails', () => {
    put('one.yaml', 'old\n');
    mkdirSync(join(dir, 'two.yaml'));
    const edits = [
      { path: 'one.yaml', before: 'old\n', content: 'new\n' },
      { path: 'gone.yaml', before: undefined, content: undefined },
    ];
    expect(() => writeAll(edits, (path) => join(dir, path))).toThrow('nothing was written');
    expect(read('one.yaml')).toBe('old\n');
    expect(readdirSync(dir).filter((name) => name.includes('guard-'))).toEqual([]);
  });

  it('refuses a file that changed since it was read', () => {
    put('one.yaml', 'other\n');
    const edits = [{ path: 'one.yaml', before: 'old\n', content: 'new\n' }];
    expect(() => writeAll(edits, (path) => join(dir, path))).toThrow('changed while the plan was made');
    expect(existsSync(join(dir, 'one.yaml'))).toBe(true);
  });
});
