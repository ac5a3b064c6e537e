import { describe, expect, it } from '@jest/globals';
import { exportCluster, parseRegistry } from '../../lib/config/registry-format.js';
import { UsageError } from '../../lib/domain/errors.js';

const AT = '2026-05-01T10:00:00.000Z';

/** The product plan's example of a registry item. */
const ITEM = {
  cluster_id: 'eks-prod-us-east-1-app1',
  batch_id: 'prod-wave-1',
  environment: 'production',
  region: 'us-east-1',
  gitlab_repo: 'infra/k8s-clusters',
  flux_config_path: 'clusters/prod/us-east-1/app1/istio-helmrelease.yaml',
  aws_role_arn: 'arn:aws:iam::123456789:role/GUARD-EKSAccess',
  current_istio_version: '1.19.3',
  target_istio_version: '1.20.0',
  datadog_tags: { cluster: 'eks-prod-us-east-1-app1', service: 'istio-system', env: 'production' },
  owner_team: 'platform-engineering',
  owner_handle: '@platform-team',
  status: 'healthy',
  last_updated: '2025-10-17T10:30:00Z',
  upgrade_history: [{ version: '1.19.3', date: '2025-09-01T10:00:00Z', status: 'success' }],
  metadata: { mesh_id: 'mesh-prod-01', multi_cluster: false },
};

const { status: _, metadata: __, owner_team: ___, datadog_tags: ____, ...BARE } = ITEM;

function one(item: unknown) {
  const [cluster] = parseRegistry(JSON.stringify([item]), 'clusters.json', AT);
  return cluster!;
}

function problems(data: unknown): string[] {
  try {
    parseRegistry(typeof data === 'string' ? data : JSON.stringify(data), 'clusters.json', AT);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message.split('\n');
  }
  return [];
}

describe('parseRegistry', () => {
  it("turns the product plan's attributes into a cluster that is not stored yet", () => {
    expect(one(ITEM)).toEqual({
      cluster_id: ITEM.cluster_id,
      batch_id: 'prod-wave-1',
      environment: 'production',
      region: 'us-east-1',
      gitlab_repo: 'infra/k8s-clusters',
      flux_config_path: ITEM.flux_config_path,
      aws_role_arn: ITEM.aws_role_arn,
      datadog_tags: ITEM.datadog_tags,
      owner_team: 'platform-engineering',
      owner_handle: '@platform-team',
      status: 'healthy',
      versions: { istio: { current: '1.19.3', target: '1.20.0' } },
      version: 0,
      last_updated: '2025-10-17T10:30:00Z',
      upgrade_history: [{ ...ITEM.upgrade_history[0], target: 'istio' }],
      metadata: ITEM.metadata,
    });
  });

  it('takes a list and an object with the list', () => {
    const listed = parseRegistry(JSON.stringify([ITEM]), 'f', AT);
    expect(parseRegistry(JSON.stringify({ clusters: [ITEM] }), 'f', AT)).toEqual(listed);
  });

  it('names file, index, cluster and path of each problem', () => {
    const { region: _region, ...noRegion } = ITEM;
    expect(
      problems([
        ITEM,
        noRegion,
        { ...ITEM, cluster_id: 'b', status: 'fine', aws_role_arn: 'role' },
        { cluster_id: 'c', upgrade_history: [{}] },
      ]),
    ).toEqual(
      expect.arrayContaining([
        'clusters.json: clusters.1.region (eks-prod-us-east-1-app1): is missing',
        expect.stringMatching(
          /^clusters.json: clusters.2.status \(b\): must be one of pending, pre-check-running, /,
        ),
        expect.stringMatching(
          /^clusters.json: clusters.2.aws_role_arn \(b\): must be the ARN of an IAM role/,
        ),
        'clusters.json: clusters.3.upgrade_history.0.version (c): is missing',
      ]),
    );
  });

  it('refuses the same cluster twice, what is no list, and what is no JSON', () => {
    expect(problems([ITEM, ITEM])).toEqual([
      "clusters.json: clusters.1.cluster_id: 'eks-prod-us-east-1-app1' is clusters.0 already",
    ]);
    expect(problems({ items: [] })).toEqual([
      "clusters.json: must be a list of clusters, or an object with the list 'clusters'",
    ]);
    expect(problems('[{')[0]).toMatch(/^clusters.json: not valid JSON: /);
    expect(problems([null])[0]).toMatch(/^clusters.json: clusters.0: must be of type object/);
  });
});

describe('exportCluster', () => {
  it.each([
    ['the whole example', ITEM],
    ['an item with attributes that GUARD does not know', { ...ITEM, cost_center: 42, tags: { a: [1] } }],
    ['an item without the optional attributes', BARE],
    [
      'an item with empty optional attributes',
      { ...ITEM, metadata: {}, datadog_tags: {}, upgrade_history: [], owner_team: '' },
    ],
    ['an item with nulls', { ...ITEM, target_istio_version: null, metadata: null }],
    [
      'an item without versions',
      (({ current_istio_version: a, target_istio_version: b, last_updated: c, ...rest }) => rest)(ITEM),
    ],
    [
      'an item with unknown attributes in its history',
      { ...ITEM, upgrade_history: [{ ...ITEM.upgrade_history[0], by: 'ann' }] },
    ],
    [
      "GUARD's own attributes",
      {
        ...ITEM,
        flux_path: 'clusters/a',
        eks_cluster_name: 'a',
        versions: { istio: { verified: '1.19.3' }, keda: { current: '2.0.0' } },
      },
    ],
  ])('gives back unchanged: %s', (_name, item) => {
    expect(exportCluster(one(item))).toEqual(item);
    expect(exportCluster({ ...one(item), version: 1 })).toEqual(item);
  });

  it('shows what happened since, and keeps leases and counters to itself', () => {
    const imported = one(BARE);
    const exported = exportCluster({
      ...imported,
      status: 'healthy',
      version: 9,
      lease: { holder: 'a', expires_at: 1, token: 2 },
      versions: { istio: { current: '1.20.0', verified: '1.20.0' } },
      upgrade_history: [
        ...imported.upgrade_history,
        { target: 'istio', version: '1.20.0', date: AT, status: 'success', rollout: 'istio/1.20.0/a/1' },
      ],
    });
    expect(exported).toMatchObject({
      status: 'healthy',
      current_istio_version: '1.20.0',
      versions: { istio: { verified: '1.20.0' } },
    });
    expect(exported).not.toHaveProperty('lease');
    expect(exported).not.toHaveProperty('version');
    expect(exported).not.toHaveProperty('metadata');
    expect(exported.upgrade_history).toHaveLength(2);
    expect(one(exported).versions).toEqual({ istio: { current: '1.20.0', verified: '1.20.0' } });
  });
});
