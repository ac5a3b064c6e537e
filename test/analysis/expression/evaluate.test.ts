import { describe, expect, it } from '@jest/globals';
import { parseCondition } from '../../../lib/analysis/expression/evaluate.js';

// condition, result, expectation; the language is expr-lang's, the functions are Argo Rollouts' and expr-lang's.
const holds: [string, unknown, boolean][] = [
  ['result < 0.05', 0.01, true],
  ['result < 0.05', 0.05, false],
  ['result[0] < 0.05', [0.01], true],
  ['result[0] < 0.05 && result[1] < 0.05', [0.01, 0.1], false],
  ['result[-1] == 3', [1, 2, 3], true],
  ['all(result, # < 0.01)', [0.001, 0.002], true],
  ['all(result, {# < 0.01})', [0.001, 0.02], false],
  ['any(result, # > 1) or none(result, # < 0)', [0.5], true],
  ['one(result, # == 2)', [1, 2, 2], false],
  ['len(result) > 0', [], false],
  ['len(filter(result, # > 1)) == 2', [1, 2, 3], true],
  ['count(result, # > 1) == 2', [1, 2, 3], true],
  ['sum(result) == 6 and sum(map(result, # * 2)) == 12', [1, 2, 3], true],
  ['max(result) - min(result) <= 2', [1, 2, 3], true],
  ['mean(result) == 2 && median(result) == 2', [1, 2, 3], true],
  ['result | max() == 3', [1, 2, 3], true],
  ['default(result, 0) < 0.05', null, true],
  ['isNil(result)', null, true],
  ['result == nil', null, true],
  ['(result ?? 7) == 7', null, true],
  ['isNaN(result)', Number.NaN, true],
  ['isInf(result)', Number.NEGATIVE_INFINITY, true],
  ['result < 1', Number.NaN, false],
  ['result >= 1', Number.NaN, false],
  ['!(result < 1)', 0.5, false],
  ['not (result < 1)', 0.5, false],
  ['result != 1 ? result > 1 : false', 2, true],
  ['asFloat(result) < 0.05', '0.01', true],
  ['asInt(result) == 3', '3', true],
  ['result == "up"', 'up', true],
  ["result == 'up'", 'up', true],
  ['result matches "^v1\\\\.\\\\d+$"', 'v1.30', true],
  ['result contains "ea" && result startsWith "he" && result endsWith "hy"', 'healthy', true],
  ['"a" in result', ['a', 'b'], true],
  ['"c" not in result', ['a', 'b'], true],
  ['"ok" in result', { ok: 1 }, true],
  ['result.data.ok', { data: { ok: true } }, true],
  ['result?.data?.ok == nil', { data: null }, true],
  ['result["error-rate"] <= 0.1', { 'error-rate': 0.1 }, true],
  ['all(result, .ready && .restarts < 3)', [{ ready: true, restarts: 0 }], true],
  ['all(result, #.ready)', [{ ready: false }], false],
  ['result in 1..3', 2, true],
  ['result[1:] == [2, 3] && result[:1] == [1]', [1, 2, 3], true],
  ['2 + 3 * 2 ** 2 == 14 && -2 ** 2 == 4 - 8 + 0 * result', 0, true],
  ['7 % 4 == 3 && 1 / 2 == 0.5 && result == 0', 0, true],
  ['round(2.5) == 3 && floor(-1.5) == -2 && ceil(1.2) == 2 && abs(-1) == result', 1, true],
  ['1_000 == 1e3 and 0x10 == 16 and .5 == 0.5 and result', true, true],
  ['{"a": result}.a == 1', 1, true],
  ['true || result[0] > 1', [], true],
  ['result > 1 // a comment', 2, true],
  ['splitAfter(result, ",") == ["a,", "b"] && repeat("ab", 2) == "abab"', 'a,b', true],
  ['toBase64(result) == "b2s=" && fromBase64("b2s=") == result', 'ok', true],
  ['fromPairs(toPairs(result)).a == 1 && len(toPairs(result)) == 2', { a: 1, b: 2 }, true],
  ['bitand(result, 6) == 4 && bitor(result, 3) == 15 && bitxor(result, 10) == 6', 12, true],
  ['bitnand(result, 4) == 8 && bitnot(result) == -13', 12, true],
  ['bitshl(result, 2) == 48 && bitshr(-12, 2) == -3 && bitushr(result, 2) == 3', 12, true],
];

const throws: [string, unknown, string][] = [
  ['result[0] < 0.05', [], 'index 0 is out of range'],
  ['result < 0.05', null, 'nothing (nil) is not a number'],
  ['result < 0.05', '0.01', 'is not a number'],
  ['result', 1, 'not true or false'],
  ['result + 1', 1, 'not true or false'],
  ['result && true', 1, 'neither true nor false'],
  ['all(result, # < 1)', [], 'empty list'],
  ['none(result, # > 1)', [], 'empty list'],
  ['max(result) < 1', [], 'no number'],
  ['all(result, # + 1)', [1], 'a predicate gives'],
  ['asFloat(result) < 1', '1 apple', 'not a number'],
  ['asInt(result) < 1', Number.NaN, 'not an integer'],
  ['result.a.b == 1', { a: null }, 'nothing (nil) has no'],
  ['result.constructor == nil', 1, 'has no members'],
  ['result matches "("', 'x', 'not a regular expression'],
  ['result % 0 == 1', 1, 'division by zero'],
  ['len(1..20000) > result', 1, 'more than 10,000'],
  ['repeat("abc", result) == ""', 1e6, 'at most 10000 characters'],
  ['fromBase64(result) == ""', '%', 'not base64'],
  ['bitand(result, 1) == 1', 1.5, 'whole numbers'],
  ['bitshl(result, -1) == 1', 1, 'negative number'],
];

const refused: [string, string][] = [
  ['', 'unexpected the end'],
  ['result <', 'unexpected the end'],
  ['result < 1)', 'unexpected ")"'],
  ['resutl < 1', 'unknown name "resutl"'],
  ['process.exit(1)', 'unexpected "("'],
  ['eval("1") == 1', 'unknown function "eval"'],
  ['constructor("x")', 'unknown function "constructor"'],
  ['toString() == ""', 'unknown function "toString"'],
  // A verdict on the same measurements is the same at any time.
  ['now() > date("2026-01-01")', 'unknown function "now"'],
  ['# > 1', '"#" and ".field" mean'],
  ['result = 1', 'unexpected "="'],
  ['result; 1', 'unexpected ";"'],
  [`${'('.repeat(100)}result${')'.repeat(100)}`, 'nested too deeply'],
  ['result == "'.padEnd(5000, 'x'), 'too long'],
];

describe('the condition language', () => {
  it.each(holds)('%s of %j is %s', (text, result, expected) => {
    expect(parseCondition(text).test(result)).toBe(expected);
  });

  it.each(throws)('%s of %j is an error', (text, result, message) => {
    expect(() => parseCondition(text).test(result)).toThrow(message);
  });

  it.each(refused)('%s is refused when it is read', (text, message) => {
    expect(() => parseCondition(text)).toThrow(message);
  });

  it('reaches nothing but the result', () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      expect(parseCondition(`result.${name} == nil`).test({})).toBe(true);
      expect(parseCondition(`"${name}" in result`).test({})).toBe(false);
    }
  });
});
