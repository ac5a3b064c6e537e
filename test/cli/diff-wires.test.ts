import { afterEach, describe, expect, it } from '@jest/globals';
import { main } from '../../lib/cli/main.js';
import type { LocalFleet } from '../../lib/simulation/fleet.js';
import { startSmallFleet } from '../support/small-fleet.js';

let fleet: LocalFleet;
afterEach(() => fleet?.stop());

describe('guard diff, over every wire', () => {
  it('reads registry, secret and project, and shows the wave that a rollout would move', async () => {
    fleet = await startSmallFleet();
    const said = { out: '', err: '' };
    const code = await main(['diff', '--batch', 'dev-wave-1', '--target-version', '1.30.2'], {
      out: (text) => {
        said.out += `${text}\n`;
      },
      err: (text) => {
        said.err += `${text}\n`;
      },
      env: process.env,
    });
    expect([code, said.err.includes('refused')]).toEqual([0, false]);
    const changed = [...said.out.matchAll(/^\+\+\+ b\/(.*)$/gm)].map((match) => match[1]!);
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.filter((path) => !/eks-dev-us-east-1-(api|web)\/istio\//.test(path))).toEqual([]);
    expect(fleet.gitlab.model.project('infra/k8s-clusters').requests).toEqual([]);
  });
});
