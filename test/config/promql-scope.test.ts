import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { isScalarPromql, unscopedPromql } from '../../lib/config/promql-scope.js';

describe('unscopedPromql', () => {
  it.each([
    'up{cluster="{cluster_name}"}',
    'up { job = "a", kube_cluster =~ "{kube_cluster_name}" }',
    '{__name__="up",cluster="{cluster}"}',
    'sum by (cluster, le) (rate(a_bucket{cluster="{cluster_name}"}[5m] offset 1h)) / on (cluster) group_left (env) b:c{cluster="{cluster_name}"}',
    'histogram_quantile(0.99, sum(rate(a{cluster="{cluster_name}",code=~"5..|{"}[5m])) without (pod)) > bool 1e3 # up',
    'a{cluster="{cluster_name}"} or vector(0) unless b{cluster="{cluster_name}", x="}"} and inf',
  ])('has nothing to say about %s', (query) => {
    expect(unscopedPromql(query)).toEqual([]);
  });

  it('has nothing to say about the examples', () => {
    const { prometheus } = parse(readFileSync('examples/guard.yaml', 'utf8'));
    const queries = Object.values<string>(prometheus.queries);
    expect(queries.length).toBeGreaterThan(5);
    expect(queries.flatMap(unscopedPromql)).toEqual([]);
  });

  it.each([
    ['no braces', 'sum(rate(errors[5m]))', ['errors']],
    ['another label', 'up{env="{environment}"}', ['up{env="{environment}"}']],
    ['all other clusters', 'up{cluster!="{cluster_name}"}', ['up{cluster!="{cluster_name}"}']],
    ['all but some', 'up{cluster!~"{cluster_name}"}', ['up{cluster!~"{cluster_name}"}']],
    ['an alternative', 'up{cluster=~"{cluster_name}|b"}', ['up{cluster=~"{cluster_name}|b"}']],
    [
      'a text in single quotes, which is not rendered',
      "up{cluster='{cluster_name}'}",
      ["up{cluster='{cluster_name}'}"],
    ],
    ['one part of two', 'a{cluster="{cluster_name}"} / b{x="}{"}', ['b{x="}{"}']],
    ['a grouping alone', 'sum by (cluster) (a)', ['a']],
    ['nothing at all', 'vector(1)', ['vector(1)']],
  ])('names the part that is scoped by %s', (_name, query, parts) => {
    expect(unscopedPromql(query)).toEqual(parts);
  });
});

describe('isScalarPromql', () => {
  it.each([
    ['scalar(sum(a{x=")"}))', true],
    ['100 * (1 - scalar(a) / scalar(sum by (b) (c))) ^ 2', true],
    ['scalar(a) > bool 1', true],
    ['time() - pi()', true],
    ['a', false],
    ['scalar(a) * b', false],
    ['vector(scalar(a))', false],
    ['scalar(a) + on () {b="c"}', false],
    ['sum(a) - scalar(b)', false],
  ])('%s gives a number: %s', (query, number) => {
    expect(isScalarPromql(query)).toBe(number);
  });
});
