import { describe, expect, it } from '@jest/globals';
import { readText, type Scope } from '../../lib/gitops/substitute.js';

const VALUES: Readonly<Record<string, string>> = {
  V: '1.28.2',
  EMPTY: '',
  W: 'Abc.def',
  N: '5',
  NEST: '${V}',
};

const scope: Scope = {
  active: true,
  find: (name) => {
    const text = VALUES[name];
    if (text === undefined) return { kind: 'missing' };
    return { kind: 'value', node: { kind: 'scalar', text, style: 'plain' }, scope: undefined };
  },
};

/** What fluxcd/pkg/envsubst 1.8.0 makes of each; `undefined`: it fails, or GUARD says that it cannot tell. */
const MEASURED: readonly (readonly [string, string | undefined])[] = [
  ['${V}', '1.28.2'],
  ['$V', '$V'],
  ['v${V}', 'v1.28.2'],
  ['${V:=1}', '1.28.2'],
  ['${X:=1.2.3}', '1.2.3'],
  ['${X:-1.2.3}', '1.2.3'],
  ['${X-1}', undefined],
  ['${X=1}', '1'],
  ['${X:?err}', 'err'],
  ['${X?err}', undefined],
  ['${X:+a}', 'a'],
  ['${V:+a}', '1.28.2'],
  ['${V+a}', undefined],
  ['${X+a}', undefined],
  ['${EMPTY:-d}', 'd'],
  ['${EMPTY-d}', undefined],
  ['${EMPTY=d}', 'd'],
  ['${EMPTY:=d}', 'd'],
  ['${V/28/30}', '1.30.2'],
  ['${V//./_}', '1_28_2'],
  ['${V/#1/2}', '2.28.2'],
  ['${V/%2/9}', '1.28.9'],
  ['${V#1.}', '28.2'],
  ['${V##*.}', '2'],
  ['${V#*.}', '28.2'],
  ['${V%.*}', '1.28'],
  ['${V%%.*}', '1'],
  ['${#V}', '6'],
  ['${#X}', '0'],
  ['${V^}', '1.28.2'],
  ['${W,}', 'abc.def'],
  ['${W,,}', 'abc.def'],
  ['${W^^}', 'ABC.DEF'],
  ['${V:0:4}', '1.28'],
  ['${V:2}', '28.2'],
  ['${V:-x}', '1.28.2'],
  ['${V:x}', '1.28.2'],
  ['${X:x}', ''],
  ['${CERT:v1.14.4}', ''],
  ['$${V}', '${V}'],
  ['$$${V}', '$1.28.2'],
  ['$$V', '$V'],
  ['${V}-${W}', '1.28.2-Abc.def'],
  ['${X:-${V}}', '1.28.2'],
  ['${X:=${W}}', 'Abc.def'],
  ['${X:-a${V}b}', 'a1.28.2b'],
  ['${X:-"a"}', '"a"'],
  ['${V:0}', '1.28.2'],
  ['${V:1:1}', '.'],
  ['${V:9}', ''],
  ['${V:2:99}', '28.2'],
  ['${V: -1}', '1.28.2'],
  ['${X:-}', ''],
  ['${X:=}', ''],
  ['${NEST}', '${V}'],
  ['a$b', 'a$b'],
  ['${V.x}', undefined],
  ['${V-x}', undefined],
  ['${V=x}', '1.28.2'],
  ['${V?x}', undefined],
  ['${V!x}', undefined],
  ['${V@U}', undefined],
  ['${V:=a:b}', '1.28.2'],
  ['${X:=a:b}', 'a:b'],
  ['${X:=a=b}', 'a=b'],
  ['${X:-http://x/}', 'http://x/'],
  ['${X:=  pad }', '  pad '],
  ['${_a}', ''],
  ['${V_1:-z}', 'z'],
  ['${N:0:1}', '5'],
  ['${V/a/b}', '1.28.2'],
  ['${V/}', undefined],
  ['${V//}', undefined],
  ['${V/28}', undefined],
  ['${V//./}', '1282'],
  ['${V//.}', undefined],
  ['${V:=}', '1.28.2'],
  ['${V:+}', '1.28.2'],
  ['${V#}', undefined],
  ['${V%}', undefined],
  ['${W/def/\\/x}', undefined],
  ['${V:0:}', undefined],
  ['${V::4}', undefined],
  ['${X:=$V}', '$V'],
  ['\\${V}', '\\1.28.2'],
  ['${V:-1}${V:-2}', '1.28.21.28.2'],
  ['${V,}', '1.28.2'],
  ['${X:0:2}', ''],
];

describe('the substitution of Flux', () => {
  it.each(MEASURED)('%s', (text, expected) => {
    const { text: made, doubts } = readText({ kind: 'scalar', text, style: 'plain' }, scope);
    if (expected === undefined) expect(doubts).not.toEqual([]);
    else expect([made, doubts]).toEqual([expected, []]);
  });

  it('leaves everything as it is when no variable is given at all', () => {
    const off: Scope = { active: false, find: () => ({ kind: 'missing' }) };
    const text = '${V:=1.2.3} $$x';
    expect(readText({ kind: 'scalar', text, style: 'plain' }, off).text).toBe(text);
  });
});
