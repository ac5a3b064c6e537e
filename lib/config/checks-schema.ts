import * as z from 'zod';
import { parseFieldPath } from '../domain/field-path.js';

const common = {
  name: z.string().regex(/^[\w.-]{1,60}$/, { error: 'letters, digits, _, . and -, at most 60' }),
  stages: z
    .array(z.enum(['before', 'after']))
    .min(1)
    .default(['before', 'after'])
    .describe('Before the merge request, after the upgrade, or both'),
  timeout_seconds: z.number().positive().max(60).default(10),
};
const field = z.string().refine((text) => parseFieldPath(text) !== undefined, {
  error: 'is not a path of fields such as {.status.numberReady} or {.items[*].spec.replicas}',
});
const API_PATH =
  /^\/(?:api\/v1|apis\/[a-z0-9.-]+\/v\w+)(?:\/namespaces\/[a-z0-9.-]+)?\/[a-z]+(?:\/[a-z0-9.:-]+)?$/;
const SECRETS = /^\/api\/v1\/(?:namespaces\/[^/]+\/)?secrets(?:\/|$)/;

const kubectl = z.strictObject({
  kind: z.literal('kubectl'),
  ...common,
  resource: z
    .string()
    .regex(API_PATH, {
      error:
        'is not a path of the Kubernetes API such as /apis/apps/v1/namespaces/logging/daemonsets/promtail',
    })
    .describe('One object, or a collection; a collection is read as {items: [...]}'),
  label_selector: z.string().min(1).optional().describe('For a collection'),
  path: field.describe('What is looked at: the fields of kubectl -o jsonpath'),
  expected_value: z.union([z.string(), z.number(), z.boolean()]).optional(),
  expected_field: field.optional().describe('A path in the same answer that must have the same values'),
  maximum: z.number().optional().describe('For numbers: none may be higher'),
});

const healthEndpoint = z.strictObject({
  kind: z.literal('health_endpoint'),
  ...common,
  url: z
    .string()
    .refine((text) => parseServiceUrl(text) !== undefined, {
      error: 'is not the address of a service in the cluster such as http://name.namespace:8080/ready',
    })
    .describe('Every ready pod behind the service is asked for it and must answer with 200'),
});

const percentage = z.number().positive();
const compared = z
  .strictObject({
    name: z.string().regex(/^[\w.-]{1,40}$/, { error: 'letters, digits, _, . and -, at most 40' }),
    query: z
      .union([
        z.string().min(1),
        z.strictObject({ datadog: z.string().min(1), prometheus: z.string().min(1) }).partial(),
      ])
      .describe('Scoped by cluster, for the provider that is asked; or one text for each provider'),
    threshold_increase_percentage: percentage.optional().describe('Allowed rise, percent of the baseline'),
    threshold_decrease_percentage: percentage
      .max(100)
      .optional()
      .describe('Allowed fall, percent of the baseline'),
    floor: z.number().min(0).optional().describe('A difference up to this does not matter'),
  })
  .refine(
    ({ threshold_increase_percentage: up, threshold_decrease_percentage: down }) =>
      up !== undefined || down !== undefined,
    {
      error:
        'needs threshold_increase_percentage or threshold_decrease_percentage: without one it could never fail',
    },
  );

const metricsComparison = z.strictObject({
  kind: z.literal('metrics_comparison'),
  ...common,
  window_minutes: z
    .number()
    .int()
    .min(3)
    .max(120)
    .default(15)
    .describe('The newest minutes: their median is compared; after the upgrade, those of the soak'),
  baseline_minutes: z
    .number()
    .int()
    .min(3)
    .max(1440)
    .default(60)
    .describe('With the minutes before them; after the upgrade, with those before the merge'),
  metrics: z.array(compared).min(1).max(20),
});

const analysis = z.strictObject({
  kind: z.literal('analysis'),
  name: common.name,
  timeout_seconds: common.timeout_seconds,
  template: z
    .string()
    .min(1)
    .describe(
      'YAML of an AnalysisTemplate as it is written for Argo Rollouts, and of those that it refers to; judged for every cluster while soaking',
    ),
  args: z
    .record(z.string(), z.string())
    .default({})
    .describe("Its arguments; '{cluster_name}' in one of them becomes the cluster's name"),
});

export const checkSchema = z
  .discriminatedUnion('kind', [kubectl, healthEndpoint, metricsComparison, analysis])
  .superRefine((check, issues) => {
    if (check.kind === 'metrics_comparison') {
      const names = check.metrics.map(({ name }) => name);
      if (new Set(names).size < names.length)
        issues.addIssue({ code: 'custom', message: 'names a metric twice', path: ['metrics'] });
    }
    if (check.kind !== 'kubectl') return;
    if (SECRETS.test(check.resource))
      issues.addIssue({
        code: 'custom',
        message: 'is a Secret, whose values would stand in logs and reports; ask what uses it',
        path: ['resource'],
      });
    const limits = [check.expected_value, check.expected_field, check.maximum].filter(
      (one) => one !== undefined,
    );
    if (limits.length !== 1)
      issues.addIssue({ code: 'custom', message: 'needs one of expected_value, expected_field and maximum' });
  });

export type DeclaredCheck = z.infer<typeof checkSchema>;
export type MetricsComparison = Extract<DeclaredCheck, { kind: 'metrics_comparison' }>;
export type AnalysisCheck = Extract<DeclaredCheck, { kind: 'analysis' }>;
export type ClusterCheck = Exclude<DeclaredCheck, MetricsComparison | AnalysisCheck>;

/** The text for the provider that is asked; undefined: there is none. */
export function queryFor(
  { query }: MetricsComparison['metrics'][number],
  provider: 'datadog' | 'prometheus',
): string | undefined {
  return typeof query === 'string' ? query : query[provider];
}

export interface ServiceAddress {
  readonly service: string;
  readonly namespace: string;
  readonly port: number;
  /** With its query. */
  readonly path: string;
}

/** `http://name.namespace[.svc[.cluster.local]][:port]/path`; plain HTTP only. */
export function parseServiceUrl(text: string): ServiceAddress | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port, pathname, search } = new URL(text);
  const match = /^([a-z0-9-]+)\.([a-z0-9-]+)(?:\.svc(?:\.cluster\.local)?)?$/.exec(hostname);
  if (protocol !== 'http:' || !match) return undefined;
  return { service: match[1]!, namespace: match[2]!, port: Number(port || 80), path: pathname + search };
}
