import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  code,
  cutMarkdown,
  details,
  disarm,
  fence,
  link,
  safeMarkdown,
  table,
} from '../../lib/domain/markdown.js';

/** Text as an attacker would write it: commands, mentions, HTML, every kind of line end. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string(),
      fc.constantFrom(
        '\n/merge',
        '\r/close',
        '\u2028/approve',
        '\u0085/label ~x',
        '\v/a',
        ' \t/assign @all',
        '@all',
        '```',
        '````',
        '|',
        '<script>',
        '-->',
        '[a](javascript:x)',
        '\u200b/merge',
        '\n',
        '`',
        '{+x+}',
        '</details>',
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

const COMMAND = /(^|[\n\r\u2028\u2029\u0085\v\f])\s*\//;

describe('markdown of a merge request', () => {
  it('never starts a line with a slash, whatever the text', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        for (const written of [
          safeMarkdown(text),
          code(text),
          fence(text),
          link(text, 'https://gitlab.example/a'),
          link('log', text),
          details(text, safeMarkdown(text)),
          table(['a', 'b'], [[safeMarkdown(text), code(text)]]),
          disarm(text),
        ])
          expect(written).not.toMatch(COMMAND);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps untrusted words on one line without HTML or an unescaped mention', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const written = safeMarkdown(text);
        expect(written).not.toMatch(/[\n\r<>]/);
        expect(written.replace(/\\./g, '')).not.toMatch(/[@`|[\]*_~#]/);
      }),
    );
  });

  it('keeps a row a row: as many unescaped bars as columns need', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const rows = table(['a', 'b'], [[safeMarkdown(text), code(text)]]).split('\n');
        expect(rows).toHaveLength(3);
        expect(
          rows[2]!
            .replace(/\\[^|]/g, '')
            .replace(/\\\|/g, '')
            .split('|'),
        ).toHaveLength(4);
      }),
    );
  });

  it('closes a code block only at its own end', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const lines = fence(text).split('\n');
        const ticks = lines[0]!;
        expect(lines.at(-1)).toBe(ticks);
        for (const line of lines.slice(1, -1)) expect(line).not.toContain(ticks);
      }),
    );
    expect(fence('``\u200b`').split('\n')[0]).toBe('````');
  });

  it('marks a command inside a code block and leaves every other line alone', () => {
    expect(fence('a\n/merge\n b', 'diff')).toBe('```diff\na\n│ /merge\n b\n```');
  });

  it('links only to addresses of the web', () => {
    expect(link('Graph', 'https://app.example/q?x=(1)')).toBe('[Graph](https://app.example/q?x=%281%29)');
    expect(link('Graph', 'javascript:alert(1)')).toBe('`Graph: javascript:alert(1)`');
  });

  it('escapes what would start a list or a heading', () => {
    expect(safeMarkdown('- x')).toBe('\\- x');
    expect(safeMarkdown('1. x')).toBe('1\\. x');
    expect(safeMarkdown('# x')).toBe('\\# x');
  });

  it('leaves an ordinary message readable', () => {
    expect(safeMarkdown('istiod 1.30.2 is ready, 3 of 3 replicas')).toBe(
      'istiod 1.30.2 is ready, 3 of 3 replicas',
    );
  });

  it('escapes a command in an operator’s own template', () => {
    expect(disarm('Hello\n/merge\n  /close')).toBe('Hello\n\\/merge\n  \\/close');
  });

  it('cuts between lines, closes what is open, and says where the rest is', () => {
    const text = `<details><summary>x</summary>\n\n\`\`\`\n${'line\n'.repeat(100)}\`\`\`\n</details>`;
    const cut = cutMarkdown(text, 200, 'More: guard status');
    expect(cut.length).toBeLessThanOrEqual(200);
    expect(cut).toMatch(/line\n```\n\n<\/details>\n\nMore: guard status$/);
    expect(cutMarkdown('short', 200, 'More')).toBe('short');
  });
});
