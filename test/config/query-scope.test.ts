import { describe, expect, it } from '@jest/globals';
import { groupingsOf, isPlainQuery, unscopedSelectors } from '../../lib/config/query-scope.js';

describe('unscopedSelectors', () => {
  it.each([
    'avg:a.b{cluster_name:{cluster_name}}',
    'avg:a.b{env:{environment},kube_cluster_name:{kube_cluster_name}}.rollup(avg, 60)',
    'sum:a{cluster:{cluster} AND (x:1 OR x:2)} by {host} / sum:b{cluster:{cluster}}',
  ])('has nothing to say about %s', (query) => {
    expect(unscopedSelectors(query)).toEqual([]);
  });

  it.each([
    ['another tag', 'avg:a.b{env:{environment}}', 'avg:a.b{env:{environment}}'],
    ['everything', 'avg:a.b{*}', 'avg:a.b{*}'],
    ['all other clusters', 'avg:a{!cluster:{cluster_name}}', 'avg:a{!cluster:{cluster_name}}'],
    [
      'all other clusters, in words',
      'avg:a{x:1 AND NOT cluster:{cluster}}',
      'avg:a{x:1 AND NOT cluster:{cluster}}',
    ],
    ['an alternative', 'avg:a{cluster:{cluster} OR env:prod}', 'avg:a{cluster:{cluster} OR env:prod}'],
    ['a grouping', 'avg:a{*} by {cluster_name}', 'avg:a{*}'],
    ['one part of two', 'sum:a{cluster:{cluster}} / sum:b{env:x}', 'sum:b{env:x}'],
    ['nothing at all', 'a + b', 'a + b'],
  ])('names the part that is scoped by %s', (_name, query, part) => {
    expect(unscopedSelectors(query)).toEqual([part]);
  });
});

describe('the parts of a query', () => {
  it('have their groupings, without the tag that tells clusters apart', () => {
    expect(
      groupingsOf(
        'sum:a{cluster:{cluster}, x:1} by {pod,cluster, az}.as_count() / sum:b{kube_cluster:{cluster}}',
      ),
    ).toEqual([['az', 'pod'], []]);
  });

  it.each([
    ['sum:a.b{x:{environment}, !y:1} by {pod}.as_count().rollup(sum, 60)', true],
    ['p99:a{kube_cluster_name:{cluster_name},z IN (1,2)}', true],
    ['abs(sum:a{*})', false],
    ['sum:a{*} * 100', false],
    ['sum:a{*}, sum:b{*}', false],
    ['(sum:a{*})', false],
  ])('%s is one selector: %s', (query, plain) => {
    expect(isPlainQuery(query)).toBe(plain);
  });
});
