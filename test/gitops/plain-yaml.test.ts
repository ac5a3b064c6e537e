import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseFully, splitDocuments } from '../../lib/gitops/documents.js';
import { formatPath, type Node } from '../../lib/gitops/node.js';
import { readPlainYaml } from '../../lib/gitops/plain-yaml.js';
import { corpusFiles, hasCorpus } from '../support/corpus.js';
import { release, variableTree } from '../support/gitops-trees.js';

/** Everything that the engine uses: texts, styles, paths, and where scalars stand and collections begin. */
function shape(node: Node): unknown {
  const at = [node.origin?.start, formatPath(node.origin?.at)];
  if (node.kind === 'scalar') return [node.text, node.style, ...at, node.origin?.end];
  const children =
    node.kind === 'map' ? [...node.entries].map(([key, one]) => [key, shape(one)]) : node.items.map(shape);
  return [node.kind, ...at, children];
}

/** How many documents were read without the library; each must be what the library reads, without an error. */
function compare(file: string, text: string): number {
  let read = 0;
  for (const document of splitDocuments(file, text)) {
    const plain = readPlainYaml(document, undefined);
    if (!plain) continue;
    const full = parseFully(document, undefined);
    expect([file, document.doc, full.errors, shape(plain)]).toEqual([
      file,
      document.doc,
      [],
      full.root && shape(full.root),
    ]);
    read++;
  }
  return read;
}

const line = fc
  .tuple(
    fc.constantFrom('', '  ', '    ', '      ', ' '),
    fc.constantFrom('', '', '', '- ', '-  ', '- - ', '-'),
    fc.constantFrom('a: ', 'b: ', 'c.d/e: ', 'k:', 'x:  ', '', '"q": ', '<<: ', '? ', 'a:b'),
    fc.constantFrom(
      '1.2.3',
      'x',
      '"q"',
      "'s'",
      "'it''s'",
      '"a\\n"',
      '',
      '&a y',
      '*a',
      '!t z',
      '[1]',
      '{a: b}',
      '|',
      '>-',
      'a b',
      'a:b',
      'a: b',
      'a #b',
      'a#b',
      '~',
      '${V:=1}',
      '-x',
      '@',
      'é',
      '"open',
      '---',
      '...',
    ),
    fc.constantFrom('', ' ', ' # c', '# c', '  #', '\t'),
    fc.constantFrom('\n', '\n', '\n', '\n\n', '\n# c\n', '\r\n', ''),
  )
  .map((parts) => parts.join(''));

describe('plain YAML is read without the library', () => {
  it('as every manifest of the usual form is', () => {
    const tree = variableTree({ a: '1.28.2' });
    const count = [...tree].reduce((sum, [path, text]) => sum + compare(path, text), 0);
    expect(count).toBe(tree.size);
    expect(
      compare(
        'x',
        `# first\n---\n${release('a', 'b', "'1.2.3' # why")}---\nkind: X\nlist:\n- a: b\n  c:\n  - d\n`,
      ),
    ).toBe(2);
  });

  it('only where it says what the library says, for whatever text', () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 8 }), (lines) => {
        compare('any', lines.join(''));
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    ['a: &x b\n', 'an anchor'],
    ['a: {b: c}\n', 'flow style'],
    ['a: |\n  b\n', 'a block scalar'],
    ['a: b\n  c\n', 'a scalar on two lines'],
    ['a: b\na: c\n', 'a key twice'],
    ['a:\n', 'no value'],
    ['a: b\r\n', 'CRLF'],
    ['- op: add\n', 'a list at the top'],
    ['a: b\n...\n', 'an end marker'],
  ])('and leaves %j to the library: %s', (text) => {
    expect(readPlainYaml(splitDocuments('x', text)[0]!, undefined)).toBeUndefined();
  });
});

it('a line of megabytes is left to the library, and breaks nothing', () => {
  const [document] = splitDocuments('x', `a: ${'b c '.repeat(2_000_000)}d\n`);
  expect(readPlainYaml(document!, undefined)).toBeUndefined();
  expect(document!.errors).toEqual([]);
});

(hasCorpus ? it : it.skip)('plain YAML of real repositories is read as the library reads it', () => {
  let read = 0;
  for (const [path, text] of corpusFiles()) read += compare(path, text);
  expect(read).toBeGreaterThan(500);
});
