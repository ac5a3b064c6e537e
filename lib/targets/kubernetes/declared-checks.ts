import { type ClusterCheck, type DeclaredCheck, parseServiceUrl } from '../../config/checks-schema.js';
import { GuardError, messageOf } from '../../domain/errors.js';
import { type CheckResult, checkResult } from '../../domain/evidence.js';
import { valuesAt } from '../../domain/field-path.js';
import type { KubeObject, KubernetesApi } from '../../ports/cluster-access.js';
import { conditionOf, some } from './collect.js';

type KubectlCheck = Extract<ClusterCheck, { kind: 'kubectl' }>;
type HealthCheck = Extract<ClusterCheck, { kind: 'health_endpoint' }>;

/**
 * The declared checks that ask the cluster itself, all at once, each under its own deadline. Never throws. Those that
 * compare metrics are made for the whole batch, where it is measured.
 */
export function declaredChecks(
  checks: readonly DeclaredCheck[],
  stage: 'before' | 'after',
  api: KubernetesApi,
): Promise<CheckResult[]> {
  return Promise.all(
    checks
      .filter((check) => check.kind === 'kubectl' || check.kind === 'health_endpoint')
      .filter(({ stages }) => stages.includes(stage))
      .map(async (check) => {
        try {
          const run = check.kind === 'kubectl' ? kubectlCheck(check, api) : healthCheck(check, api);
          return await within(check.timeout_seconds, run);
        } catch (error) {
          return checkResult(check.name, 'errored', `cannot be checked: ${messageOf(error)}`);
        }
      }),
  );
}

/** @throws Error when it takes longer: a check that hangs is one that could not run. */
export async function within<T>(seconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function kubectlCheck(check: KubectlCheck, api: KubernetesApi): Promise<CheckResult> {
  const { name, resource, path } = check;
  const errored = (message: string) => checkResult(name, 'errored', message);
  const answer = await read(check, api);
  if (answer === undefined) return errored(`${resource} is not there`);
  const values = valuesAt(answer, path);
  const missing = values.filter((value) => value === undefined || value === null).length;
  if (values.length === 0) return errored(`${path} of ${resource} leads to nothing`);
  if (missing > 0)
    return errored(`${path} of ${resource} is missing in ${missing} of ${values.length} places`);
  if (check.maximum !== undefined) return underMaximum(check, values, check.maximum);
  const wanted =
    check.expected_field === undefined
      ? values.map(() => check.expected_value)
      : valuesAt(answer, check.expected_field);
  if (wanted.length !== values.length || wanted.some((value) => value === undefined || value === null))
    return errored(`${check.expected_field} of ${resource} does not lead to ${values.length} values`);
  const wrong = values.findIndex((value, at) => text(value) !== text(wanted[at]));
  if (wrong === -1) return checkResult(name, 'passed', `${path} is ${some([...new Set(values.map(text))])}`);
  return checkResult(
    name,
    'failed',
    `${path} of ${resource} is ${text(values[wrong])}, not ${text(wanted[wrong])}`,
    [{ label: path, value: text(values[wrong]), limit: text(wanted[wrong]), query: resource }],
  );
}

function underMaximum(
  { name, resource, path }: KubectlCheck,
  values: unknown[],
  maximum: number,
): CheckResult {
  const odd = values.find((value) => typeof value !== 'number' || !Number.isFinite(value));
  if (odd !== undefined)
    return checkResult(name, 'errored', `${path} of ${resource} is no number: ${text(odd)}`);
  const highest = Math.max(...(values as number[]));
  const evidence = [{ label: path, value: highest, limit: maximum, query: resource }];
  if (highest <= maximum) return checkResult(name, 'passed', `${path} is at most ${highest}`, evidence);
  return checkResult(name, 'failed', `${path} of ${resource} is ${highest}, over ${maximum}`, evidence);
}

/** One object, or `{items}` of a collection. */
async function read({ resource, label_selector }: KubectlCheck, api: KubernetesApi): Promise<unknown> {
  const rest = resource
    .replace(/^\/(?:api\/v1|apis\/[^/]+\/[^/]+)\//, '')
    .replace(/^namespaces\/[^/]+\/(?=.)/, '')
    .split('/');
  if (rest.length > 1) return api.get(resource);
  const items = await api.list(resource, label_selector ? { labelSelector: label_selector } : {});
  return items && { items };
}

async function healthCheck({ name, url }: HealthCheck, api: KubernetesApi): Promise<CheckResult> {
  const { service, namespace, port, path } = parseServiceUrl(url)!;
  const errored = (message: string) => checkResult(name, 'errored', message);
  const found = await api.get(`/api/v1/namespaces/${namespace}/services/${service}`);
  const selector = Object.entries((found?.spec?.selector ?? {}) as Record<string, string>);
  if (!found || selector.length === 0)
    return errored(`there is no service ${namespace}/${service} with a selector`);
  const ports: readonly { port: number; targetPort?: number | string }[] = found.spec?.ports ?? [];
  const opened = ports.find((one) => one.port === port);
  if (!opened) return errored(`service ${namespace}/${service} has no port ${port}`);
  const labelSelector = selector.map(([key, value]) => `${key}=${value}`).join(',');
  const pods = (await api.list(`/api/v1/namespaces/${namespace}/pods`, { labelSelector })) ?? [];
  const ready = pods.filter((pod) => conditionOf(pod, 'Ready')?.status === 'True');
  if (ready.length === 0)
    return checkResult(name, 'failed', `no pod behind service ${namespace}/${service} is ready`);
  const answers = await Promise.all(
    ready.map((pod) => ask(api, pod, containerPort(pod, opened.targetPort ?? port), path)),
  );
  const bad = answers.filter((answer) => answer !== undefined);
  const worst = bad.find(({ verdict }) => verdict === 'failed') ?? bad[0];
  if (!worst) return checkResult(name, 'passed', `${ready.length} pods answer ${url}`);
  return checkResult(
    name,
    worst.verdict,
    `${bad.length} of ${ready.length} pods do not answer ${url}: ${worst.message}`,
  );
}

/** A service's port may be the name of a container's. */
function containerPort(pod: KubeObject, target: number | string): number | undefined {
  if (typeof target === 'number') return target;
  const containers: readonly { ports?: readonly { name?: string; containerPort: number }[] }[] =
    pod.spec?.containers ?? [];
  return containers.flatMap(({ ports = [] }) => ports).find((one) => one.name === target)?.containerPort;
}

/** What is wrong; `failed` only when the pod itself answered, and with something else than 200. */
async function ask(
  api: KubernetesApi,
  pod: KubeObject,
  port: number | undefined,
  path: string,
): Promise<{ verdict: 'failed' | 'errored'; message: string } | undefined> {
  const { name, namespace = 'default' } = pod.metadata;
  if (port === undefined) return { verdict: 'errored', message: `pod ${name} has no port of that name` };
  try {
    await api.podGet({ namespace, name }, port, path);
    return undefined;
  } catch (error) {
    const answered = error instanceof GuardError && error.context.answeredBy === 'pod';
    return { verdict: answered ? 'failed' : 'errored', message: messageOf(error) };
  }
}

function text(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
