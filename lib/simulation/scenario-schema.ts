import * as z from 'zod';
import type { ClusterFaults, KubernetesFaults } from './clusters/faults.js';
import type { DatadogFaults } from './datadog/faults.js';
import type { GitlabFaults } from './gitlab/faults.js';
import type { PrometheusFaults } from './prometheus/faults.js';
import type { Scenario } from './scenario.js';

/** The scenario as people write it: a key that nobody knows would be a fault that never happens. */

/** Every key of a type, so that one that is added there cannot be forgotten here. */
type Keys<T> = { readonly [K in keyof T]-?: z.ZodType };

const count = z.number().int().min(0);
const amount = z.number().min(0);
const span = { after: z.number().optional(), until: z.number().optional() };
const always = z.union([z.boolean(), z.strictObject(span)]).optional();
const byVersion = { version: z.string().optional() };
const forVersions = z.union([z.boolean(), z.strictObject(byVersion)]).optional();
const texts = z.array(z.string());
const METRICS = [
  'requests',
  'error_rate',
  'latency_p95',
  'latency_p99',
  'proxy_cpu',
  'proxy_memory',
  'xds_push_errors',
  'xds_rejects',
  'convergence_time',
] as const;

const cluster = z.strictObject({
  kubernetesVersion: z.string().optional(),
  nativeSidecars: z.boolean().optional(),
  ambient: z.boolean().optional(),
  unreachable: always,
  roleRefused: z.boolean().optional(),
  externalId: z.string().optional(),
  status: z.union([z.number().int(), z.strictObject({ code: z.number().int(), ...span })]).optional(),
  withheld: texts.optional(),
  nodeNotReady: always,
  flux: z
    .array(
      z.strictObject({
        kind: z.enum(['GitRepository', 'Kustomization', 'HelmRelease']),
        name: z.string(),
        state: z.enum(['stalled', 'suspended', 'failed']),
        reason: z.string().optional(),
        message: z.string().optional(),
        ...span,
      }),
    )
    .optional(),
  helm: z
    .array(
      z.strictObject({
        release: z.string(),
        outcome: z.enum(['rolled-back', 'failed', 'stalled']),
        ...byVersion,
      }),
    )
    .optional(),
  proxyNotInSync: forVersions,
  istiodCrash: forVersions,
  slowRollout: amount.optional(),
  stuckRollout: z.union([z.string(), texts]).optional(),
  regressions: z
    .array(
      z.strictObject({
        metric: z.enum(METRICS),
        factor: z.number().optional(),
        add: z.number().optional(),
        plane: z.enum(['data', 'control']).optional(),
        pod: z.string().optional(),
        ...byVersion,
      }),
    )
    .optional(),
  alerts: z
    .array(
      z.strictObject({
        name: z.string(),
        state: z.string().optional(),
        muted: z.boolean().optional(),
        ...byVersion,
        ...span,
      }),
    )
    .optional(),
  webhookExpired: always,
  webhookNoEndpoint: always,
  crdMissing: texts.optional(),
  latestImage: z.boolean().optional(),
  restarts: count.optional(),
  restartsAfter: z.strictObject({ workload: z.string(), count, ...byVersion }).optional(),
} satisfies Keys<ClusterFaults>) satisfies z.ZodType<ClusterFaults>;

const kubernetes = z.strictObject({
  latencyMs: amount.optional(),
  throttleEvery: count.optional(),
  errorEvery: count.optional(),
  pageLimit: z.number().int().min(1).optional(),
  alsoAllowed: texts.optional(),
  expireContinue: count.optional(),
} satisfies Keys<KubernetesFaults>) satisfies z.ZodType<KubernetesFaults>;

const gitlab = z.strictObject({
  responses: z
    .array(
      z.strictObject({
        method: z.string().optional(),
        path: z.string(),
        status: z.number().int(),
        body: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
        headers: z.record(z.string(), z.string()).optional(),
        times: count.optional(),
        skip: count.optional(),
        afterwards: z.boolean().optional(),
        hangUp: z.boolean().optional(),
      }),
    )
    .optional(),
  webhooks: z
    .array(
      z.strictObject({
        action: z.string().optional(),
        deliver: count.optional(),
        delaySeconds: amount.optional(),
        afterNext: z.boolean().optional(),
        times: count.optional(),
      }),
    )
    .optional(),
  deliveries: count.optional(),
  deliveryDelaySeconds: amount.optional(),
  mergeMethod: z.enum(['merge', 'squash', 'rebase-merge', 'fast-forward', 'fast-forward-squash']).optional(),
  landedShaDelaySeconds: amount.optional(),
  mergeabilitySeconds: amount.optional(),
  oneAssignee: z.boolean().optional(),
  pushes: z
    .array(
      z.strictObject({
        when: z.enum(['before-open', 'after-open', 'before-merge', 'after-merge']),
        branch: z.enum(['source', 'target']),
        path: z.string(),
        from: z.string().optional(),
        to: z.string(),
        author: z.string().optional(),
        message: z.string().optional(),
        times: count.optional(),
      }),
    )
    .optional(),
} satisfies Keys<GitlabFaults>) satisfies z.ZodType<GitlabFaults>;

const metricRule = {
  code: z.number().int().optional(),
  metric: z.enum(METRICS).optional(),
  cluster: z.string().optional(),
  path: z.string().optional(),
  times: count.optional(),
  ...span,
};

const datadog = z.strictObject({
  apiKey: z.string().optional(),
  applicationKey: z.string().optional(),
  rateLimit: count.optional(),
  rules: z
    .array(
      z.strictObject({
        kind: z.enum([
          'empty',
          'nulls',
          'nan',
          'stale',
          'gaps',
          'wide',
          'short',
          'status',
          'error',
          'partial',
          'warning',
        ]),
        reset: amount.optional(),
        pod: z.string().optional(),
        ...metricRule,
      }),
    )
    .optional(),
  noise: z.strictObject({ deviation: amount, correlation: z.number().min(0).max(1) }).optional(),
  missing: z.number().min(0).max(1).optional(),
} satisfies Keys<DatadogFaults>) satisfies z.ZodType<DatadogFaults>;

const prometheus = z.strictObject({
  rules: z
    .array(
      z.strictObject({
        kind: z.enum([
          'empty',
          'nan',
          'inf',
          'stale',
          'gaps',
          'partial',
          'warning',
          'status',
          'error',
          'no-data',
          'page',
        ]),
        ...metricRule,
      }),
    )
    .optional(),
} satisfies Keys<PrometheusFaults>) satisfies z.ZodType<PrometheusFaults>;

export const scenarioSchema = z.strictObject({
  seed: z.number().int().default(7),
  latencyMs: amount.optional(),
  gitlab: gitlab.optional(),
  datadog: datadog.optional(),
  prometheus: prometheus.optional(),
  kubernetes: kubernetes.optional(),
  clusters: z.record(z.string(), cluster).optional(),
} satisfies Keys<Scenario>) satisfies z.ZodType<Scenario>;
