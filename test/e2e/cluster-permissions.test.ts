import { describe, expect, it, jest } from '@jest/globals';
import { clusterRbac, permissionName, permissionsOf } from '../../lib/config/cluster-permissions.js';
import type { LocalFleet } from '../../lib/simulation/fleet.js';
import type { SeenRequest } from '../../lib/simulation/kubernetes/server.js';
import { API, fleetBed, quickConfig, WEB } from '../support/e2e.js';
import { guard } from '../support/guard-command.js';
import { run, smallFleetClusters } from '../support/small-fleet.js';

jest.setTimeout(180_000);
const startFleet = fleetBed();

const GRANTED = permissionsOf(clusterRbac()).map(permissionName).sort();
/** Kubernetes lets everybody who is known ask what he may (system:basic-user). */
const REVIEW = 'create selfsubjectaccessreviews.authorization.k8s.io';
/** From 1.35 on a port-forward needs one verb more. */
const NEWEST = Object.fromEntries(
  smallFleetClusters().map(({ cluster_id }) => [cluster_id, { kubernetesVersion: 'v1.35.2-eks-1' }]),
);

/** What the code has asked of the API servers as GUARD, as permissions, each once. */
function seen(...fleets: LocalFleet[]): string[] {
  // The role has these two in istio-system alone; the rest of what it asks for goes over all namespaces.
  const local = ({ resource, namespace }: SeenRequest) =>
    namespace !== undefined && !/^(deployments|statefulsets|daemonsets)\.apps$/.test(resource)
      ? ` in ${namespace}`
      : '';
  const names = fleets
    .flatMap((fleet) => fleet.kubernetes.requests)
    .filter(({ caller }) => caller === 'guard')
    .map((request) => `${request.verb} ${request.resource}${local(request)}`);
  return [...new Set(names)].sort();
}

describe('deploy/cluster-rbac.yaml', () => {
  it('grants what whole rollouts, a rollback and guard validate ask for: nothing less and nothing more', async () => {
    const regression = { metric: 'latency_p99', factor: 3, version: '1.30' } as const;
    const clusters = { ...NEWEST, [WEB]: { ...NEWEST[WEB], regressions: [regression] } };
    const slower = await startFleet({ scenario: { seed: 7, clusters } });
    expect((await run(slower)).output).toMatchObject({ outcome: 'rolled-back' });
    const fleet = await startFleet({ scenario: { seed: 7, clusters: NEWEST } });
    expect((await run(fleet)).output).toMatchObject({ outcome: 'healthy' });
    expect(await guard('validate', '--check-permissions')).toMatchObject({ code: 0, err: '' });
    expect(seen(slower, fleet)).toEqual([...GRANTED, REVIEW].sort());
  });

  it('is not enough for declared checks that read more: guard validate prints roles for them, and without these the rollout stops', async () => {
    const configText = quickConfig((config) => {
      config.checks = [
        {
          name: 'istiod-replicas',
          kind: 'kubectl',
          resource: '/apis/apps/v1/namespaces/istio-system/deployments/istiod',
          path: '{.status.readyReplicas}',
          expected_field: '{.spec.replicas}',
        },
        { name: 'istiod-answers', kind: 'health_endpoint', url: 'http://istiod.istio-system:15014/version' },
      ];
    });
    const more = ['get deployments.apps in istio-system', 'get services in istio-system'];
    const clusters = Object.fromEntries(
      smallFleetClusters().map(({ cluster_id }) => [cluster_id, { withheld: more }]),
    );
    const refused = await startFleet({ configText, scenario: { seed: 7, clusters } });
    const { output } = await run(refused);
    expect(output).toMatchObject({ outcome: 'halted' });
    expect(output!.reason).toMatch(/User "guard" cannot get resource "(deployments|services)"/);
    expect((await guard('validate', '--check-permissions', '--batch', 'test')).out).toContain(
      `may not ${more.join(', ')}: apply there what guard validate --cluster-rbac prints`,
    );
    const allowed = await startFleet({ configText, scenario: { seed: 7, clusters: NEWEST } });
    expect((await run(allowed)).output).toMatchObject({ outcome: 'healthy' });
    expect((await guard('validate', '--check-permissions')).code).toBe(0);
    const printed = await guard('validate', '--cluster-rbac');
    expect(permissionsOf(printed.out).map(permissionName).sort()).toEqual([...GRANTED, ...more].sort());
    const asked = allowed.kubernetes.requests.filter(
      ({ caller, verb, resource }) =>
        caller === 'guard' && more.some((one) => one.startsWith(`${verb} ${resource} `)),
    );
    expect([...new Set(asked.map(({ resource }) => resource))].sort()).toEqual([
      'deployments.apps',
      'services',
    ]);
  });
});

describe('guard validate --check-permissions', () => {
  it('has a line for each cluster: what is missing there, and what to do', async () => {
    const clusters = {
      [API]: { withheld: ['patch deployments.apps', 'create pods/portforward in istio-system'] },
      [WEB]: { unreachable: true },
    };
    await startFleet({ scenario: { seed: 7, clusters } });
    const { code, out, err } = await guard('validate', '--check-permissions', '--batch', 'dev-wave-1');
    expect(code).toBe(1);
    expect(err).toBe('guard: 2 of 3 do not work');
    expect(out).toMatch(
      new RegExp(
        `${API} +FAIL +Kubernetes v1\\.\\S+; may not patch deployments\\.apps, create pods/portforward in istio-system: apply there what guard validate --cluster-rbac prints`,
      ),
    );
    expect(out).toMatch(new RegExp(`${WEB} +FAIL +Cannot read the version of cluster ${WEB}`));
    expect((await guard('validate', '--check-permissions', '--batch', 'test')).out).toMatch(
      new RegExp(`eks-test-us-east-1 +ok +Kubernetes v1\\.\\S+, all ${GRANTED.length} permissions`),
    );
  });

  it('says which role cannot be assumed', async () => {
    await startFleet({ scenario: { seed: 7, clusters: { [API]: { roleRefused: true } } } });
    const { code, out } = await guard('validate', '--check-permissions', '--batch', 'dev-wave-1');
    expect(code).toBe(1);
    expect(out).toMatch(
      new RegExp(`${API} +FAIL +Cannot assume role arn:aws:iam::\\d+:role/\\S+: access denied`),
    );
  });

  it('looks at what is reached as well: each part, and says that the webhook was not looked at', async () => {
    const fleet = await startFleet();
    const { code, out } = await guard('validate', '--check-connectivity');
    expect(code).toBe(0);
    for (const part of [
      'registry',
      'names',
      'journal',
      'state machine',
      'secret guard/gitlab-token',
      'GitLab',
      'GitLab infra/k8s-clusters',
      'Datadog',
    ])
      expect(out).toMatch(new RegExp(`^${part} +ok `, 'm'));
    expect(out).toMatch(/^GitLab infra\/k8s-clusters +ok +Developer$/m);
    expect(out).toMatch(/^webhook +- +not looked at: give --webhook-url/m);
    const with_ = await guard('validate', '--check-connectivity', '--webhook-url', fleet.engine.webhookUrl);
    expect(with_.out).toMatch(/^webhook +ok +answers, and refuses a call without a token/m);
  });
});
