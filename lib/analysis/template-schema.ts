import * as z from 'zod';

/** int-or-string of Kubernetes: a number, or a text that arguments make one. */
const intOrString = z.union([z.int(), z.string()]);
const duration = z.string().min(1);
const name = z.string().min(1);
const pairs = z.array(z.strictObject({ key: z.string(), value: z.string() }));

const prometheus = z.strictObject({
  address: z.string().optional(),
  query: z.string().min(1),
  timeout: z.union([z.number(), z.string()]).optional(),
  insecure: z.boolean().optional(),
  headers: pairs.optional(),
  authentication: z.looseObject({}).optional(),
  rangeQuery: z.strictObject({ start: z.string(), end: z.string(), step: z.string() }).optional(),
});

const datadog = z
  .strictObject({
    apiVersion: z.enum(['v1', 'v2']).default('v1'),
    interval: duration.default('5m'),
    query: z.string().optional(),
    queries: z.record(z.string(), z.string()).optional(),
    formula: z.string().optional(),
    aggregator: z
      .enum(['avg', 'min', 'max', 'sum', 'last', 'percentile', 'mean', 'l2norm', 'area'])
      .optional(),
    requestTimeout: duration.optional(),
    secretRef: z.looseObject({ name: z.string().optional() }).optional(),
  })
  .refine(
    (one) => (one.query === undefined) !== (one.queries === undefined),
    'needs "query" or "queries", not both',
  )
  .refine(
    (one) => !one.queries || Object.keys(one.queries).length === 1 || one.formula,
    'several queries need a "formula"',
  )
  .refine((one) => one.apiVersion === 'v2' || !one.queries, '"queries" needs apiVersion v2')
  .refine(
    (one) => one.apiVersion === 'v2' || !one.aggregator,
    '"aggregator" needs apiVersion v2: v1 gives the last point',
  )
  .refine((one) => !one.formula || one.queries, '"formula" needs "queries"');

/** Providers of Argo Rollouts that GUARD knows by name and does not run. */
const OTHER_PROVIDERS = [
  'web',
  'cloudWatch',
  'newRelic',
  'job',
  'kayenta',
  'wavefront',
  'graphite',
  'influxdb',
  'skywalking',
  'plugin',
];

const provider = z
  .strictObject({
    prometheus: prometheus.optional(),
    datadog: datadog.optional(),
    ...Object.fromEntries(OTHER_PROVIDERS.map((other) => [other, z.unknown().optional()])),
  })
  .refine(
    (one) => Object.values(one).filter((value) => value !== undefined).length === 1,
    'needs exactly one provider',
  );

const metric = z.strictObject({
  name,
  interval: duration.optional(),
  initialDelay: duration.optional(),
  count: intOrString.optional(),
  successCondition: z.string().optional(),
  failureCondition: z.string().optional(),
  failureLimit: intOrString.optional(),
  inconclusiveLimit: intOrString.optional(),
  consecutiveErrorLimit: intOrString.optional(),
  consecutiveSuccessLimit: intOrString.optional(),
  provider,
});

const arg = z.strictObject({
  name,
  value: z.string().optional(),
  valueFrom: z
    .strictObject({
      secretKeyRef: z.strictObject({ name, key: name }).optional(),
      fieldRef: z.strictObject({ fieldPath: name }).optional(),
      podTemplateHashValue: z.string().optional(),
    })
    .optional(),
});

/** AnalysisTemplate and ClusterAnalysisTemplate as they are written for Argo Rollouts; unknown fields are refused. */
export const templateSchema = z.strictObject({
  apiVersion: z.literal('argoproj.io/v1alpha1'),
  kind: z.enum(['AnalysisTemplate', 'ClusterAnalysisTemplate']),
  metadata: z.looseObject({ name }),
  spec: z.strictObject({
    args: z.array(arg).default([]),
    metrics: z.array(metric).default([]),
    dryRun: z.array(z.strictObject({ metricName: name })).default([]),
    measurementRetention: z.array(z.strictObject({ metricName: name, limit: intOrString })).default([]),
    templates: z
      .array(z.strictObject({ templateName: name, clusterScope: z.boolean().optional() }))
      .default([]),
  }),
});

export type AnalysisTemplate = z.infer<typeof templateSchema>;
export type TemplateMetric = AnalysisTemplate['spec']['metrics'][number];
