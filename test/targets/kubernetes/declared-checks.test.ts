import { describe, expect, it } from '@jest/globals';
import { checkSchema } from '../../../lib/config/checks-schema.js';
import { RetryableError, TerminalError } from '../../../lib/domain/errors.js';
import type { KubernetesApi } from '../../../lib/ports/cluster-access.js';
import { declaredChecks } from '../../../lib/targets/kubernetes/declared-checks.js';

const DAEMONSET = '/apis/apps/v1/namespaces/logging/daemonsets/promtail';
const PODS = '/api/v1/namespaces/logging/pods';
const daemonset = (ready: unknown) => ({
  metadata: { name: 'promtail' },
  status: { numberReady: ready, desiredNumberScheduled: 3 },
});
const pod = (name: string, restarts: unknown, ready = 'True') => ({
  metadata: { name, namespace: 'logging' },
  spec: { containers: [{ ports: [{ name: 'http', containerPort: 3101 }] }] },
  status: { conditions: [{ type: 'Ready', status: ready }], containerStatuses: [{ restartCount: restarts }] },
});
const service = {
  metadata: { name: 'promtail' },
  spec: { selector: { app: 'promtail' }, ports: [{ port: 80, targetPort: 'http' }] },
};

interface Fake {
  get?: Record<string, unknown>;
  list?: Record<string, unknown[]>;
  podGet?: KubernetesApi['podGet'];
  asked?: unknown[];
}
function apiOf({ get = {}, list = {}, podGet, asked = [] }: Fake): KubernetesApi {
  const refuse = async () => {
    throw new TerminalError('not asked for here');
  };
  return {
    version: refuse,
    mergePatch: refuse,
    async list(path, options) {
      asked.push([path, options]);
      return list[path] as never;
    },
    get: async (path) => get[path] as never,
    podGet: podGet ?? refuse,
  };
}

async function run(check: object, fake: Fake | KubernetesApi): Promise<string> {
  const api = 'version' in fake ? fake : apiOf(fake);
  const [result] = await declaredChecks([checkSchema.parse({ name: 'mine', ...check })], 'before', api);
  return `${result!.verdict}: ${result!.message}`;
}

describe('a kubectl check', () => {
  const field = {
    kind: 'kubectl',
    resource: DAEMONSET,
    path: '{.status.numberReady}',
    expected_field: '{.status.desiredNumberScheduled}',
  };
  const restarts = {
    kind: 'kubectl',
    resource: PODS,
    label_selector: 'app=promtail',
    path: '{.items[*].status.containerStatuses[*].restartCount}',
    maximum: 5,
  };

  it('compares a field with another', async () => {
    expect(await run(field, { get: { [DAEMONSET]: daemonset(3) } })).toMatch(/^passed/);
    expect(await run(field, { get: { [DAEMONSET]: daemonset(2) } })).toBe(
      `failed: {.status.numberReady} of ${DAEMONSET} is 2, not 3`,
    );
  });

  it('compares a field with a value', async () => {
    const { expected_field: _, ...rest } = field;
    const check = { ...rest, expected_value: '3' };
    expect(await run(check, { get: { [DAEMONSET]: daemonset(3) } })).toMatch(/^passed/);
    expect(await run(check, { get: { [DAEMONSET]: daemonset(4) } })).toMatch(/^failed/);
  });

  it('holds every value of a collection against a maximum', async () => {
    const asked: unknown[] = [];
    expect(await run(restarts, { list: { [PODS]: [pod('a', 0), pod('b', 5)] }, asked })).toMatch(/^passed/);
    expect(asked).toEqual([[PODS, { labelSelector: 'app=promtail' }]]);
    expect(await run(restarts, { list: { [PODS]: [pod('a', 0), pod('b', 6)] } })).toMatch(
      /^failed: .* is 6, over 5/,
    );
  });

  it.each<[string, object, Fake, RegExp]>([
    ['the object is not there', field, {}, /is not there/],
    ['the field is missing', field, { get: { [DAEMONSET]: daemonset(undefined) } }, /missing in 1 of 1/],
    ['the collection is empty', restarts, { list: { [PODS]: [] } }, /leads to nothing/],
    [
      'one item lacks the field',
      restarts,
      { list: { [PODS]: [pod('a', 0), pod('b', undefined)] } },
      /missing in 1 of 2/,
    ],
    ['a value is no number', restarts, { list: { [PODS]: [pod('a', 'many')] } }, /no number: many/],
    [
      'the other field is missing',
      { ...field, expected_field: '{.status.nothing}' },
      { get: { [DAEMONSET]: daemonset(3) } },
      /does not lead to 1 values/,
    ],
  ])('is errored when %s', async (_name, check, fake, message) => {
    const said = await run(check, fake);
    expect(said).toMatch(/^errored/);
    expect(said).toMatch(message);
  });

  it('is errored when the API refuses, and when it does not answer in time', async () => {
    const api = apiOf({});
    const refused = { ...api, get: async () => Promise.reject(new TerminalError('403 Forbidden')) };
    expect(await run(field, refused)).toBe('errored: cannot be checked: 403 Forbidden');
    const silent = { ...api, get: () => new Promise<never>(() => undefined) };
    expect(await run({ ...field, timeout_seconds: 0.01 }, silent)).toBe(
      'errored: cannot be checked: no answer within 0.01 s',
    );
  });
});

describe('a health endpoint', () => {
  const check = { kind: 'health_endpoint', url: 'http://promtail.logging/ready?full=1' };
  const get = { '/api/v1/namespaces/logging/services/promtail': service };
  const list = { [PODS]: [pod('a', 0), pod('b', 0), pod('starting', 0, 'False')] };

  it('passes when every ready pod behind the service answers, at the port that the service names', async () => {
    const asked: unknown[] = [];
    const podGet: KubernetesApi['podGet'] = async ({ name }, port, path) => {
      asked.push([name, port, path]);
      return 'ok';
    };
    expect(await run(check, { get, list, podGet })).toBe(
      'passed: 2 pods answer http://promtail.logging/ready?full=1',
    );
    expect(asked).toEqual([
      ['a', 3101, '/ready?full=1'],
      ['b', 3101, '/ready?full=1'],
    ]);
  });

  it('fails when a pod answers with another status, and is errored when none could be asked', async () => {
    const answers =
      (error: Error): KubernetesApi['podGet'] =>
      async ({ name }) => {
        if (name === 'b') throw error;
        return 'ok';
      };
    const unhealthy = new RetryableError('HTTP 503', { context: { status: 503, answeredBy: 'pod' } });
    expect(await run(check, { get, list, podGet: answers(unhealthy) })).toMatch(
      /^failed: 1 of 2 pods do not answer .*HTTP 503/,
    );
    const forbidden = new TerminalError('403', { context: { status: 403 } });
    expect(await run(check, { get, list, podGet: answers(forbidden) })).toMatch(/^errored: 1 of 2/);
    const both: KubernetesApi['podGet'] = async ({ name }) => {
      throw name === 'a' ? forbidden : unhealthy;
    };
    expect(await run(check, { get, list, podGet: both })).toMatch(/^failed: 2 of 2 .*HTTP 503/);
  });

  it.each<[string, Fake, RegExp]>([
    ['there is no such service', { list }, /^errored: there is no service/],
    [
      'the service has another port',
      {
        get: {
          ...get,
          '/api/v1/namespaces/logging/services/promtail': {
            ...service,
            spec: { ...service.spec, ports: [] },
          },
        },
        list,
      },
      /^errored: .* has no port 80/,
    ],
    ['no pod is ready', { get, list: { [PODS]: [pod('a', 0, 'False')] } }, /^failed: no pod/],
  ])('does not pass when %s', async (_name, fake, message) => {
    expect(await run(check, fake)).toMatch(message);
  });
});

describe('declared checks', () => {
  const sample = { kind: 'kubectl', resource: PODS, path: '{.items}', expected_value: 1 };

  it('run at their stages only', async () => {
    const check = checkSchema.parse({ name: 'later', stages: ['after'], ...sample });
    expect(await declaredChecks([check], 'before', apiOf({}))).toEqual([]);
    expect(await declaredChecks([check], 'after', apiOf({}))).toHaveLength(1);
  });

  it.each<[string, object]>([
    ['no limit', { expected_value: undefined }],
    ['two limits', { maximum: 1 }],
    ['a resource that is no API path', { resource: 'daemonset/promtail' }],
    ['a path that cannot be read', { path: '{.items[?(@.x)]}' }],
    ['an unknown key', { command: 'kubectl get pods' }],
    ['an endpoint over TLS', { kind: 'health_endpoint', url: 'https://a.b/ready' }],
    [
      'an endpoint outside the cluster',
      { kind: 'health_endpoint', url: 'http://example.com.evil.org/ready' },
    ],
  ])('are refused with %s', (_name, change) => {
    expect(checkSchema.safeParse({ name: 'x', ...sample }).success).toBe(true);
    expect(checkSchema.safeParse({ name: 'x', ...sample, ...change }).success).toBe(false);
  });
});
