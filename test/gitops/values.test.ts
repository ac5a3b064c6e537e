import { describe, expect, it } from '@jest/globals';
import { planChange, type Resolution, resolveFleet } from '../../lib/gitops/plan.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { files, fleetOf, release } from '../support/gitops-trees.js';

const istio = gitopsTarget('istio');

/** One istiod at chart 1.28.2 with this below its `spec`, and what else the tree holds. */
function tree(more: string, rest: Record<string, string> = {}): Map<string, string> {
  return files({ 'clusters/a/istiod.yaml': release('istiod', 'istiod', '1.28.2', more), ...rest });
}

const resolve = (made: Map<string, string>, target = istio): Resolution =>
  resolveFleet(made, fleetOf('a'), target).get('a')!;

const plan = (made: Map<string, string>, target = istio) =>
  planChange({ tree: made, fleet: fleetOf('a'), wave: new Map([['a', '1.29.0']]), target });

const config = (kind: string, data: string, name = 'v') =>
  `apiVersion: v1\nkind: ${kind}\nmetadata:\n  name: ${name}\n  namespace: istio-system\n${data}`;

const from = (...entries: string[]) => `  valuesFrom:\n${entries.map((entry) => `  - ${entry}\n`).join('')}`;

const inline = '  values:\n    global:\n      tag: 1.28.2\n';
const both = `${inline}    pilot:\n      tag: 1.28.2\n`;

describe('values that may pin the tag', () => {
  it.each([
    ['a ConfigMap that is not in the tree', from('{kind: ConfigMap, name: v}'), {}, 'not in this tree'],
    ['a Secret that is not in the tree', from('{kind: Secret, name: v}'), {}, 'not in this tree'],
    [
      'an optional one, which the cluster may have',
      from('{kind: Secret, name: v, optional: true}'),
      {},
      'not in this tree',
    ],
    [
      'a Secret encrypted with SOPS',
      from('{kind: Secret, name: v}'),
      {
        'clusters/a/v.yaml': config(
          'Secret',
          'stringData:\n  values.yaml: ENC[AES256_GCM,data:xx]\nsops:\n  version: 3.8.1\n',
        ),
      },
      'encrypted (SOPS)',
    ],
    [
      'a Secret in base64 that sets it',
      from('{kind: Secret, name: v}'),
      {
        'clusters/a/v.yaml': config(
          'Secret',
          `data:\n  values.yaml: ${Buffer.from('global:\n  tag: 1.28.2\n').toString('base64')}\n`,
        ),
      },
      'base64',
    ],
    [
      'values that are no valid YAML',
      from('{kind: ConfigMap, name: v}'),
      { 'clusters/a/v.yaml': config('ConfigMap', 'data:\n  values.yaml: "{{ .x"\n') },
      'not valid YAML',
    ],
    [
      'a key that the ConfigMap does not have',
      from('{kind: ConfigMap, name: v, valuesKey: other}'),
      { 'clusters/a/v.yaml': config('ConfigMap', 'data:\n  values.yaml: "{}"\n') },
      'has no key other',
    ],
    [
      'a ConfigMap of another namespace',
      from('{kind: ConfigMap, name: v}'),
      {
        'clusters/a/v.yaml': config('ConfigMap', 'data: {values.yaml: ""}\n').replace(
          'istio-system',
          'other',
        ),
      },
      'not in this tree',
    ],
    [
      'a single value that is not in the tree, whatever the inline values say',
      `${from('{kind: Secret, name: v, valuesKey: tag, targetPath: global.tag}')}${inline}`,
      {},
      'sets global.tag',
    ],
    [
      'an inline tag, when what is not in the tree may set the one of istiod alone',
      `${from('{kind: Secret, name: v}')}${inline}`,
      {},
      'may set pilot.tag',
    ],
    [
      'an inline tag that is empty',
      `${from('{kind: Secret, name: v}')}${inline}    pilot: {tag: ""}\n    tag: ""\n`.replace(
        '1.28.2',
        '""',
      ),
      { 'clusters/a/v.yaml': config('Secret', 'data: {values.yaml: "????"}\n') },
      'may set _internal_defaults_do_not_set.global.tag',
    ],
    [
      'an inline tag of istiod, when what is not in the tree may set the one of the proxies',
      `${from('{kind: Secret, name: v}')}${inline.replace('global', 'pilot')}`,
      {},
      'may set global.tag',
    ],
    [
      'a whole branch of the values by targetPath',
      from('{kind: Secret, name: v, valuesKey: tag, targetPath: global}'),
      {},
      'sets global',
    ],
    [
      'an image tag whose variable nothing gives',
      '  values: {global: {tag: latest}}\n',
      {},
      'names no version',
    ],
  ])('cannot be told: %s', (_, more, rest, reason) => {
    const made = tree(more, rest as Record<string, string>);
    const found = resolve(made);
    expect(found.version).toBeUndefined();
    expect(found.reason).toContain(reason);
    const refused = plan(made);
    expect(refused.refused[0]?.reason).toContain(reason);
    expect(refused.edits).toEqual([]);
  });

  it.each([
    [
      'the release itself sets every tag that its chart reads, and inline values win',
      `${from('{kind: Secret, name: v}')}${both}`,
      {},
    ],
    [
      'a later ConfigMap of the tree sets them',
      from('{kind: Secret, name: gone}', '{kind: ConfigMap, name: v}'),
      {
        'clusters/a/v.yaml': config(
          'ConfigMap',
          'data:\n  values.yaml: |\n    global:\n      tag: 1.28.2\n    pilot: {tag: 1.28.2}\n',
        ),
      },
    ],
    [
      'a Secret in plain text, which sets it',
      from('{kind: Secret, name: v}'),
      {
        'clusters/a/v.yaml': config(
          'Secret',
          'stringData:\n  values.yaml: |\n    global:\n      tag: 1.28.2\n',
        ),
      },
    ],
    [
      'a Secret in base64 that sets other things',
      from('{kind: Secret, name: v}'),
      {
        'clusters/a/v.yaml': config(
          'Secret',
          `data:\n  values.yaml: ${Buffer.from('meshConfig: {}\n').toString('base64')}\n`,
        ),
      },
    ],
    [
      'a single value at another path is not in the tree',
      from('{kind: Secret, name: v, valuesKey: password, targetPath: global.jwt.key}'),
      {},
    ],
    [
      'an optional key that the ConfigMap of the tree does not have',
      from('{kind: ConfigMap, name: v, valuesKey: other, optional: true}'),
      { 'clusters/a/v.yaml': config('ConfigMap', 'data:\n  values.yaml: "{}"\n') },
    ],
    [
      'an empty values file',
      from('{kind: ConfigMap, name: v}'),
      { 'clusters/a/v.yaml': config('ConfigMap', 'data: {values.yaml: ""}\n') },
    ],
    ['a null tag, which leaves the chart its own', '  values: {global: {tag: null}}\n', {}],
  ])('can be told, and moves: %s', (_, more, rest) => {
    const made = tree(more, rest as Record<string, string>);
    expect(resolve(made).version).toBe('1.28.2');
    const change = plan(made);
    expect(change.refused).toEqual([]);
    const text = [...change.commits.at(-1)!.files].map((file) => file.content).join('');
    expect(text).not.toContain('1.28.2');
  });

  it('a later file that cannot be read makes an earlier tag doubtful', () => {
    const made = tree(from('{kind: ConfigMap, name: v}', '{kind: Secret, name: gone}'), {
      'clusters/a/v.yaml': config('ConfigMap', 'data:\n  values.yaml: |\n    global:\n      tag: 1.28.2\n'),
    });
    expect(resolve(made)).toMatchObject({
      class: 'cannot-tell',
      reason: expect.stringContaining('Secret gone'),
    });
    expect(plan(made).refused[0]?.hint).toContain(
      'write global.tag and pilot.tag in the values of the release itself, which win',
    );
  });

  it.each([
    ['base', 'has no image'],
    ['gateway', 'takes its image from the injector'],
  ])('is no matter for a chart that reads none: %s %s', (chart) => {
    const made = files({
      'clusters/a/x.yaml': release('istio-x', chart, '1.28.2', from('{kind: Secret, name: v}')),
    });
    expect(resolve(made).version).toBe('1.28.2');
  });

  it.each([
    ['cni', 'cni: {tag: 1.28.2}', '1.28.2'],
    ['cni', 'tag: 1.28.2', undefined],
    ['cni', 'global: {tag: 1.28.2}, pilot: {tag: 1.28.2}', undefined],
    ['ztunnel', 'tag: 1.28.2', '1.28.2'],
    ['ztunnel', 'global: {tag: 1.28.2}, cni: {tag: 1.28.2}', undefined],
    ['istiod', 'pilot: {tag: 1.28.2}, global: {tag: 1.28.2}', '1.28.2'],
    ['istiod', 'pilot: {tag: 1.28.2}, tag: 1.28.2', undefined],
    ['istiod', 'tag: 1.28.2, global: {tag: 1.28.2}', undefined],
    ['istio-ingress', 'global: {tag: 1.28.2}', undefined],
    ['ambient', 'global: {tag: 1.28.2}, ztunnel: {tag: 1.28.2}', undefined],
    [
      'ambient',
      'global: {tag: 1.28.2}, istiod: {pilot: {tag: 1.28.2}}, cni: {cni: {tag: 1.28.2}}, ztunnel: {tag: 1.28.2}',
      '1.28.2',
    ],
  ])('is settled by what wins in the very chart: %s with %s', (chart, values, version) => {
    const more = `${from('{kind: Secret, name: v}')}  values: {${values}}\n`;
    const made = files({ 'clusters/a/x.yaml': release(`istio-${chart}`, chart, '1.28.2', more) });
    expect(resolve(made).version).toBe(version);
  });

  it('each image of cert-manager has a tag of its own', () => {
    const certManager = gitopsTarget('cert-manager');
    const tags = (...parts: string[]) =>
      parts.map((part) => `    ${part}: {image: {tag: v1.16.0}}\n`).join('');
    const found = (values: string) =>
      resolve(
        files({
          'clusters/a/x.yaml': release(
            'cert-manager',
            'cert-manager',
            'v1.16.0',
            `${from('{kind: Secret, name: v}')}  values:\n    image: {tag: v1.16.0}\n${values}`,
          ),
        }),
        certManager,
      );
    expect(found('').reason).toContain('may set webhook.image.tag');
    expect(found(tags('webhook', 'cainjector', 'startupapicheck', 'acmesolver')).version).toBe('v1.16.0');
  });

  it('an inline value and a single value at the same path both move', () => {
    const made = tree(
      `${from('{kind: ConfigMap, name: v, valuesKey: tag, targetPath: global.tag}')}${inline}`,
      {
        'clusters/a/v.yaml': config('ConfigMap', 'data: {tag: 1.28.2}\n'),
      },
    );
    expect(plan(made).edits.map((edit) => [edit.file, edit.path])).toEqual([
      ['clusters/a/istiod.yaml', 'spec.chart.spec.version'],
      ['clusters/a/v.yaml', 'data.tag'],
      ['clusters/a/istiod.yaml', 'spec.values.global.tag'],
    ]);
  });

  it('is no matter for a chart whose image has a number of its own', () => {
    const made = files({
      'clusters/a/x.yaml': release('loki', 'loki', '6.1.0', from('{kind: Secret, name: v}')),
      'clusters/a/y.yaml': release('podinfo', 'podinfo', '6.1.0', from('{kind: Secret, name: v}')),
    });
    expect(resolve(made, gitopsTarget('loki')).version).toBe('6.1.0');
    const podinfo = gitopsTarget('helm:podinfo');
    expect(resolve(made, podinfo).version).toBe('6.1.0');
    const change = planChange({
      tree: made,
      fleet: fleetOf('a'),
      wave: new Map([['a', '6.2.0']]),
      target: podinfo,
    });
    expect(change.refused).toEqual([]);
    expect(change.warnings.join()).toContain('an image tag there would not move');
  });
});
