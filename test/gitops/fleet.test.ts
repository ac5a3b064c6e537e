import { describe, expect, it } from '@jest/globals';
import { fluxPathOf } from '../../lib/gitops/plan.js';
import { files } from '../support/gitops-trees.js';

describe('fluxPathOf', () => {
  const tree = files({
    'envs/prod/eu-1/flux-system/gotk-sync.yaml': '',
    'envs/prod/eu-1/apps/istio/release.yaml': '',
    'clusters/b/istio.yaml': '',
    'other/c/istio.yaml': '',
  });

  it.each([
    ['flux_path as it is given', { cluster_id: 'a', flux_path: './envs/x' }, 'envs/x'],
    [
      'the nearest folder above flux_config_path that holds flux-system',
      { cluster_id: 'a', flux_config_path: 'envs/prod/eu-1/apps/istio/release.yaml' },
      'envs/prod/eu-1',
    ],
    ['clusters/<cluster_id>', { cluster_id: 'b', flux_config_path: 'clusters/b/istio.yaml' }, 'clusters/b'],
    [
      'the folder of flux_config_path',
      { cluster_id: 'c', flux_config_path: 'other/c/istio.yaml' },
      'other/c',
    ],
    ['clusters/<cluster_id>, though it is not there', { cluster_id: 'd' }, 'clusters/d'],
  ])('is %s', (_, member, path) => {
    expect(fluxPathOf(tree, member)).toBe(path);
  });
});
