import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bumpFiles } from '../../lib/gitops/bump.js';
import { type Plan, planChange } from '../../lib/gitops/plan.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { fleetOf, literalTree, release, variableTree } from '../support/gitops-trees.js';
import { sceneOf } from '../support/kustomize-scenes.js';

const target = gitopsTarget('istio');
const version = fc
  .tuple(fc.integer({ min: 20, max: 35 }), fc.integer({ min: 0, max: 12 }))
  .map(([minor, patch]) => `1.${minor}.${patch}`);

/** A tree of 2 to 6 clusters in one of the two plain layouts, with noise that YAML allows, and a wave of it. */
const scene = fc
  .record({
    versions: fc.array(version, { minLength: 2, maxLength: 6 }),
    variable: fc.boolean(),
    crlf: fc.boolean(),
    bom: fc.boolean(),
    cut: fc.boolean(),
    picks: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
    to: version,
  })
  .map(({ versions, variable, crlf, bom, cut, picks, to }) => {
    const entries = Object.fromEntries(versions.map((one, index) => [`c${index}`, one]));
    const plain = variable ? variableTree(entries) : literalTree(entries);
    const tree = new Map(
      [...plain].map(([path, text]) => {
        let noisy = cut ? text.replace(/\n$/, '') : `${text}# 1.28.2 in a comment\n`;
        if (crlf) noisy = noisy.replaceAll('\n', '\r\n');
        return [path, bom ? `\ufeff${noisy}` : noisy];
      }),
    );
    const ids = Object.keys(entries);
    const chosen = ids.filter((_, index) => picks[index]);
    return {
      tree,
      fleet: fleetOf(...ids),
      wave: chosen.length > 0 ? chosen : [ids[0]!],
      versions: entries,
      to,
    };
  });

function apply(tree: ReadonlyMap<string, string>, plan: Plan): Map<string, string> {
  const result = new Map(tree);
  for (const file of plan.commits.flatMap((commit) => commit.files))
    result.set(file.path, file.content ?? '');
  return result;
}

const waveTo = (ids: readonly string[], to: string) => new Map(ids.map((id) => [id, to]));

describe('for any tree', () => {
  it('only the planned tokens change, each once, all other bytes stay', () => {
    fc.assert(
      fc.property(scene, ({ tree, fleet, wave, to }) => {
        const plan = planChange({ tree, fleet, wave: waveTo(wave, to), target });
        expect(plan.refused).toEqual([]);
        for (const [path, text] of apply(tree, plan)) {
          const edits = plan.edits.filter((edit) => edit.file === path);
          if (edits.length === 0) expect(text).toBe(tree.get(path));
          else {
            const from = edits[0]!.from;
            const at = tree.get(path)!.indexOf(from);
            expect(text).toBe(tree.get(path)!.slice(0, at) + to + tree.get(path)!.slice(at + from.length));
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('the same below layers of kustomizations and patches: what is between the edits stays, and a second plan is empty', () => {
    let planned = 0;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), (seed) => {
        const { tree } = sceneOf(seed);
        const request = { fleet: fleetOf('a'), wave: waveTo(['a'], '1.40.0'), target };
        const plan = planChange({ ...request, tree });
        if (plan.refused.length > 0) {
          expect([plan.edits, plan.commits]).toEqual([[], []]);
          return;
        }
        planned++;
        const after = apply(tree, plan);
        for (const [path, text] of after) {
          const pieces = text.split('1.40.0').map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
          expect(pieces.length - 1).toBe(plan.edits.filter((edit) => edit.file === path).length);
          expect(tree.get(path)).toMatch(new RegExp(`^${pieces.join('\\d+\\.\\d+\\.\\d+')}$`));
        }
        const again = planChange({ ...request, tree: after });
        expect([again.edits, again.refused, again.diff]).toEqual([[], [], '']);
      }),
      { numRuns: 150 },
    );
    expect(planned).toBeGreaterThan(75);
  });

  it('going there and back is the identity', () => {
    fc.assert(
      fc.property(scene, ({ tree, fleet, wave, versions, to }) => {
        const there = apply(tree, planChange({ tree, fleet, wave: waveTo(wave, to), target }));
        const back = planChange({
          tree: there,
          fleet,
          wave: new Map(wave.map((id) => [id, versions[id]!])),
          onlyFrom: waveTo(wave, to),
          target,
        });
        expect(back.refused).toEqual([]);
        expect(apply(there, back)).toEqual(tree);
      }),
      { numRuns: 60 },
    );
  });

  it('a wave that has moved needs no change', () => {
    fc.assert(
      fc.property(scene, ({ tree, fleet, wave, to }) => {
        const moved = apply(tree, planChange({ tree, fleet, wave: waveTo(wave, to), target }));
        const again = planChange({ tree: moved, fleet, wave: waveTo(wave, to), target });
        expect([again.edits, again.commits, again.refused, again.diff]).toEqual([[], [], [], '']);
      }),
      { numRuns: 40 },
    );
  });

  it('the reach of two waves together is the union of their reaches', () => {
    fc.assert(
      fc.property(scene, ({ tree, fleet, wave, to }) => {
        const rest = fleet.map((one) => one.cluster_id).filter((id) => !wave.includes(id));
        const reach = (ids: readonly string[]) =>
          planChange({ tree, fleet, wave: waveTo(ids, to), target }).reach.map((one) => JSON.stringify(one));
        expect(new Set(reach([...wave, ...rest]))).toEqual(new Set([...reach(wave), ...reach(rest)]));
      }),
      { numRuns: 40 },
    );
  });

  it('bump changes the token of a release in any quotes, and nothing beside it', () => {
    const quoted = fc.constantFrom('', '"', "'");
    fc.assert(
      fc.property(
        version,
        version,
        quoted,
        fc.stringMatching(/^[a-z .:0-9-]{0,20}$/),
        (from, to, quote, comment) => {
          const text = release('istiod', 'istiod', `${quote}${from}${quote} # ${comment}`);
          const bump = bumpFiles(new Map([['x.yaml', text]]), target, to);
          const content = bump.files[0]?.content ?? text;
          expect(content).toBe(text.replace(`version: ${quote}${from}`, `version: ${quote}${to}`));
        },
      ),
      { numRuns: 100 },
    );
  });
});
