import * as z from 'zod';
import { checkSchema } from './checks-schema.js';
import { datadogSchema, metricsSchema, prometheusSchema } from './metrics-schema.js';

const name = z.string().min(1);
const secretName = z.string().min(1).describe('Name of a secret in Secrets Manager; never the secret itself');
const minutes = z.number().min(0);

const thresholds = z.strictObject({
  latency_increase_percent: z
    .number()
    .positive()
    .default(10)
    .describe('Allowed increase of P95 and P99 latency, percent of the baseline'),
  error_rate_max: z
    .number()
    .min(0)
    .max(1)
    .default(0.001)
    .describe('Highest share of failed requests (0.001 is 0.1 %)'),
  resource_increase_percent: z
    .number()
    .positive()
    .default(50)
    .describe('Allowed increase of proxy CPU and memory, percent of the baseline'),
  latency_gross_percent: z
    .number()
    .positive()
    .default(50)
    .describe('An increase this large fails in two measurements, without statistics'),
});

const validation = z.strictObject({
  soak_period_minutes: minutes.default(60),
  soak_maximum_minutes: minutes.default(180).describe('Still inconclusive then: held for a human'),
  measurement_interval_seconds: z.number().int().min(60).default(60),
  minimum_points: z.number().int().min(3).default(10).describe('Measurements that a soak needs at least'),
  minimum_requests: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe(
      'Requests that every cluster must have served in the soak; above 0 it needs the query `requests`',
    ),
  baseline_hours: z.number().min(1).max(24).default(6),
  flux_sync_timeout_minutes: minutes.default(15),
  restart_timeout_minutes: minutes.default(60),
  hold_minutes: minutes
    .default(30)
    .describe('How long an inconclusive or errored step is measured again before it halts or stays held'),
  hold_interval_minutes: z.number().min(1).default(5),
  thresholds: thresholds.prefault({}),
});

const validationOverride = z.strictObject({
  ...Object.fromEntries(
    Object.entries(validation.omit({ thresholds: true }).shape).map(([key, value]) => [
      key,
      value.unwrap().optional(),
    ]),
  ),
  thresholds: z
    .strictObject(
      Object.fromEntries(
        Object.entries(thresholds.shape).map(([key, value]) => [key, value.unwrap().optional()]),
      ),
    )
    .optional(),
});

/** guard.yaml. Keys are those of the product plan's example; what it lacked is marked by its description. */
export const configSchema = z.strictObject({
  aws: z
    .strictObject({
      region: name.default('us-east-1'),
      profile: name.optional(),
      dynamodb: z
        .strictObject({
          table_name: name.default('guard-cluster-registry'),
          journal_table_name: name.default('guard-journal'),
          region: name.optional(),
        })
        .prefault({}),
      secrets_manager: z
        .strictObject({
          gitlab_token_secret: secretName.default('guard/gitlab-token'),
          gitlab_webhook_secret: secretName
            .default('guard/gitlab-webhook')
            .describe('JSON {token?, signing_token?} that the webhook is verified with'),
          datadog_credentials_secret: secretName.default('guard/datadog-credentials'),
        })
        .prefault({}),
      external_id_secret: secretName.optional().describe('ExternalId for AssumeRole into cluster accounts'),
      event_bus_name: name.default('guard'),
      state_machine_name: name.default('guard-rollout'),
    })
    .prefault({}),
  gitlab: z.strictObject({
    url: z.url(),
    default_target_branch: name.default('main'),
    mr_template: z.string().optional(),
    labels: z.array(name).default(['guard']),
    reviewers: z.array(name).default([]),
  }),
  gitops: z
    .strictObject({
      structural: z
        .boolean()
        .default(false)
        .describe(
          'Where a place is shared beyond the wave: insert an override for the wave, or copy a folder',
        ),
      add_depends_on: z
        .boolean()
        .default(false)
        .describe('Also add a dependsOn that is missing between the releases of the wave'),
    })
    .prefault({})
    .describe('What a change in Git may insert; guard run can ask otherwise for one rollout'),
  metrics: metricsSchema,
  datadog: datadogSchema,
  prometheus: prometheusSchema,
  execution: z
    .strictObject({
      max_parallel_clusters: z.number().int().min(1).max(40).default(5),
      mr_strategy: z.enum(['batch', 'per-cluster']).default('batch'),
      enable_rollout_sequencing: z.boolean().default(true),
      merge_timeout_hours: z
        .number()
        .min(1)
        .max(8760)
        .default(168)
        .describe('How long a merge request waits for its merge'),
      lease_minutes: z.number().min(5).default(60),
    })
    .prefault({}),
  rate_limits: z
    .strictObject({
      gitlab_api: z.number().positive().default(300),
      datadog_api: z.number().positive().default(300),
      prometheus_api: z.number().positive().default(600),
      aws_api: z.number().positive().default(100),
    })
    .prefault({})
    .describe('Requests per minute and process'),
  validation: validation
    .extend({
      environments: z.record(z.string(), validationOverride).default({}),
      batches: z.record(z.string(), validationOverride).default({}),
    })
    .prefault({}),
  checks: z
    .array(checkSchema)
    .default([])
    .describe('Questions of your own about every cluster, beside those of the target'),
  rollback: z
    .strictObject({
      auto_create_mr: z.boolean().default(true),
      require_manual_approval: z
        .literal(true, { error: 'GUARD never merges: only true is allowed' })
        .default(true),
      soak_period_minutes: minutes.default(10),
      notification: z
        .strictObject({
          enabled: z.boolean().default(true),
          webhook_secret_name: secretName.optional(),
          slack_secret_name: secretName.optional(),
          pagerduty_secret_name: secretName.optional(),
        })
        .prefault({}),
    })
    .prefault({}),
  istio: z
    .strictObject({
      istioctl_path: name.optional(),
      analyze_required: z
        .boolean()
        .default(false)
        .describe('Without a binary the check is then errored, not left out'),
    })
    .prefault({}),
  llm: z
    .strictObject({
      enabled: z
        .literal(false, { error: 'not supported: the failure analysis is made from rules; leave it false' })
        .default(false),
      provider: name.optional(),
      model: name.optional(),
      api_key_secret: secretName.optional(),
    })
    .prefault({}),
  batches: z
    .array(
      z.strictObject({ name, description: z.string().optional(), clusters: z.array(name).min(1).optional() }),
    )
    .default([]),
  batch_order: z
    .record(z.string(), z.array(name))
    .default({})
    .describe('Which batches must be proven at this version first'),
  schedules: z
    .array(
      z.strictObject({
        name: z
          .string()
          .regex(/^[A-Za-z0-9_-]{1,40}$/, { error: 'letters, digits, - and _, at most 40' })
          .describe('Executions that it starts are called by this name and their time'),
        target: name.default('istio'),
        version: name,
        batch: name,
        cron: name.describe('Six fields, as EventBridge Scheduler has them: 0 6 ? * TUE *'),
        time_zone: name.default('UTC').describe('IANA name, such as Europe/Berlin'),
        window_minutes: z
          .number()
          .int()
          .min(0)
          .max(1440)
          .default(0)
          .describe('It starts at some time within this window; 0: on time'),
        enabled: z.boolean().default(true),
      }),
    )
    .default([])
    .describe('Rollouts that are started at a time; each waits for its merge as any other'),
  network: z
    .strictObject({
      vpc_id: name,
      subnet_ids: z.array(name).min(1),
      availability_zones: z.array(name).min(1).describe('Of the subnets, in their order'),
      route_table_ids: z
        .array(name)
        .optional()
        .describe('Of the subnets, in their order; with endpoints, for the gateway endpoint of DynamoDB'),
      security_group_ids: z
        .array(name)
        .default([])
        .describe('None: one that lets everything out, nothing in'),
      endpoints: z
        .boolean()
        .default(false)
        .describe('Create interface endpoints, for subnets without a way to the public AWS APIs'),
    })
    .optional()
    .describe('Only for clusters or a GitLab that are reached from a VPC alone'),
  logging: z
    .strictObject({
      level: z.enum(['DEBUG', 'INFO', 'WARNING', 'ERROR']).default('INFO'),
      format: z.enum(['json', 'text']).default('json'),
      output: z.enum(['stdout']).default('stdout'),
    })
    .prefault({}),
});

export type Config = z.infer<typeof configSchema>;
export type ValidationSettings = z.infer<typeof validation>;
