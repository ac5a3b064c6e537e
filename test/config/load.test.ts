import { describe, expect, it } from '@jest/globals';
import { parseConfig, settingsFor } from '../../lib/config/load.js';
import { UsageError } from '../../lib/domain/errors.js';

const MINIMAL = 'gitlab:\n  url: https://gitlab.example.com\n';

function problems(extra: string, base = MINIMAL): string[] {
  try {
    parseConfig(base + extra, 'guard.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message.split('\n');
  }
  return [];
}

describe('parseConfig', () => {
  it('fills in every default', () => {
    const config = parseConfig(MINIMAL, 'guard.yaml');
    expect(config.aws.dynamodb.table_name).toBe('guard-cluster-registry');
    expect(config.validation.thresholds.error_rate_max).toBe(0.001);
    expect(config.rollback.require_manual_approval).toBe(true);
    expect(config.rollback.notification.enabled).toBe(true);
  });

  it("takes the product plan's example keys once its queries are scoped by cluster", () => {
    const config = parseConfig(
      `aws:
  region: us-east-1
  profile: default
  dynamodb: {table_name: guard-cluster-registry, region: us-east-1}
  secrets_manager: {gitlab_token_secret: guard/gitlab-token, datadog_credentials_secret: guard/datadog-credentials}
gitlab: {url: https://gitlab.company.com, default_target_branch: main, mr_template: "## {version}"}
datadog:
  site: datadoghq.com
  queries:
    error_rate: |
      sum:trace.http.request.errors{service:*,cluster_name:{cluster_name}}.as_count() /
      sum:trace.http.request.hits{service:*,cluster_name:{cluster_name}}.as_count()
execution: {max_parallel_clusters: 5, mr_strategy: batch, enable_rollout_sequencing: true}
rate_limits: {gitlab_api: 300, datadog_api: 300, aws_api: 100}
validation:
  soak_period_minutes: 60
  flux_sync_timeout_minutes: 15
  thresholds: {latency_increase_percent: 10, error_rate_max: 0.001, resource_increase_percent: 50}
rollback:
  auto_create_mr: true
  require_manual_approval: true
  notification: {enabled: true, webhook_secret_name: guard/hook, pagerduty_secret_name: guard/pagerduty-key}
llm: {enabled: false, provider: openai, model: gpt-4, api_key_secret: guard/llm-api-key}
batches:
  - {name: test, description: Test cluster, clusters: [eks-test-us-east-1]}
  - {name: prod-wave-1, clusters: [eks-prod-us-east-1-api]}
batch_order: {prod-wave-1: [test]}
logging: {level: INFO, format: json, output: stdout}
`,
      'guard.yaml',
    );
    expect(config.batches).toHaveLength(2);
  });

  it('names file, path and what is allowed for each thing that is wrong, all at once', () => {
    expect(
      problems(
        'validaton: {}\nexecution: {max_parallel_clusters: 99, mr_strategy: both}\naws: {region: 5}\nvalidation: {treshold: 1, thresholds: {error_rate_max: "x"}}\n',
      ).sort(),
    ).toEqual([
      'guard.yaml: aws.region: must be a text',
      'guard.yaml: execution.max_parallel_clusters: must be at most 40',
      'guard.yaml: execution.mr_strategy: must be one of "batch", "per-cluster"',
      'guard.yaml: validation.thresholds.error_rate_max: must be a number',
      expect.stringMatching(/^guard.yaml: validation.treshold: unknown key; did you mean 'thresholds'\? /),
      expect.stringMatching(
        /^guard.yaml: validaton: unknown key; did you mean 'validation'\? Allowed here: aws, gitlab, /,
      ),
    ]);
  });

  it('gives the allowed keys without a guess when nothing is near', () => {
    expect(problems('istio: {colour: red}\n')).toEqual([
      'guard.yaml: istio.colour: unknown key. Allowed here: istioctl_path, analyze_required',
    ]);
  });

  it('finds unknown keys inside lists and named overrides', () => {
    expect(problems('batches: [{name: a, cluster: [x]}]\n')[0]).toMatch(
      /^guard.yaml: batches.0.cluster: unknown key; did you mean 'clusters'\?/,
    );
    expect(problems('validation: {environments: {prod: {soak_minutes: 3}}}\n')[0]).toMatch(
      /^guard.yaml: validation.environments.prod.soak_minutes: unknown key/,
    );
  });

  it('says what is missing', () => {
    expect(problems('', '{}')).toEqual(['guard.yaml: gitlab: is missing; it must be a map of keys']);
    expect(problems('', '')).toHaveLength(1);
    expect(problems('', 'gitlab: {url: gitlab}')).toEqual([
      'guard.yaml: gitlab.url: must be a URL, such as https://gitlab.example.com',
    ]);
  });

  it('names the line of broken YAML and of a key that is there twice', () => {
    expect(problems('', 'gitlab:\n  url: [\n')[0]).toMatch(/^guard.yaml:\d: not valid YAML: /);
    expect(problems('gitlab: {url: https://other.example.com}\n')[0]).toMatch(
      /^guard.yaml:3: not valid YAML: Map keys must be unique/,
    );
  });

  it('refuses to merge by itself, in words', () => {
    expect(problems('rollback: {require_manual_approval: false}\n')).toEqual([
      'guard.yaml: rollback.require_manual_approval: GUARD never merges: only true is allowed',
    ]);
  });

  it('refuses a batch named twice and a cluster in two batches', () => {
    expect(problems('batches: [{name: a, clusters: [x]}, {name: a, clusters: [x]}]\n')).toEqual([
      "guard.yaml: batches.1.name: 'a' is there twice; a batch is named once",
      "guard.yaml: batches.1.clusters: 'x' is in 'a' already; a cluster is in one batch",
    ]);
  });

  it('refuses declared checks that could not be carried out, naming what is wrong', () => {
    const resource = 'resource: /api/v1/nodes';
    const fine = `{kind: kubectl, name: a, ${resource}, path: '{.items}', maximum: 1}`;
    expect(problems(`checks: [${fine}, ${fine}]\n`)).toEqual([
      "guard.yaml: checks.1.name: 'a' is there twice; a check is named once",
    ]);
    expect(problems(`checks: [{kind: kubectl, name: a, ${resource}, path: x, maximum: 1}]\n`)).toEqual([
      'guard.yaml: checks.0.path: is not a path of fields such as {.status.numberReady} or {.items[*].spec.replicas}',
    ]);
    expect(problems(`checks: [{kind: kubectl, name: a, ${resource}, path: .x}]\n`)).toEqual([
      'guard.yaml: checks.0: needs one of expected_value, expected_field and maximum',
    ]);
    for (const secret of [
      '/api/v1/namespaces/a/secrets/b',
      '/api/v1/namespaces/a/secrets',
      '/api/v1/secrets',
    ])
      expect(problems(`checks: [${fine.replace('/api/v1/nodes', secret)}]\n`)).toEqual([
        'guard.yaml: checks.0.resource: is a Secret, whose values would stand in logs and reports; ask what uses it',
      ]);
    const named = '/api/v1/namespaces/secrets/services/a';
    expect(problems(`checks: [${fine.replace('/api/v1/nodes', named)}]\n`)).toEqual([]);
    expect(problems('checks: [{kind: health_endpoint, name: a, url: "https://a.b/"}]\n')[0]).toMatch(
      /^guard.yaml: checks.0.url: is not the address of a service in the cluster/,
    );
    expect(
      problems('checks: [{kind: health_endpoint, name: a, url: "http://a.b/", status: 1}]\n')[0],
    ).toMatch(/^guard.yaml: checks.0.status: unknown key.* Allowed here: kind, name, .*url/);
  });

  it('refuses an order or an override that names an unknown batch', () => {
    expect(
      problems(
        'batches: [{name: a}, {name: b}]\nbatch_order: {b: [a, c], d: []}\nvalidation: {batches: {e: {}}}\n',
      ),
    ).toEqual([
      "guard.yaml: validation.batches.e: no batch 'e' is listed under batches; there are a, b",
      "guard.yaml: batch_order.b.1: no batch 'c' is listed under batches; there are a, b",
      "guard.yaml: batch_order.d: no batch 'd' is listed under batches; there are a, b",
    ]);
  });

  it('refuses a circle, also of one batch, but not a diamond', () => {
    const circle = problems('batch_order: {a: [b], b: [c], c: [b]}\n');
    expect(circle).toEqual([
      'guard.yaml: batch_order.b: a circle (b -> c -> b), so none of them could ever start',
    ]);
    expect(problems('batch_order: {a: [a]}\n')).toHaveLength(1);
    expect(problems('batch_order: {d: [b, c], b: [a], c: [a]}\n')).toEqual([]);
  });

  it('refuses a soak that may end before it must', () => {
    expect(problems('validation: {environments: {prod: {soak_period_minutes: 240}}}\n')).toEqual([
      'guard.yaml: validation.environments.prod.soak_maximum_minutes: 180 is less than soak_period_minutes (240)',
    ]);
  });

  it("refuses the product plan's queries that are scoped by environment only, each part of them", () => {
    const found = problems(`datadog:
  queries:
    errors: "sum:istio.pilot.xds.push.errors{cluster:{cluster_name}}.as_count()"
    error_rate: |
      sum:trace.http.request.errors{service:*,env:{environment}}.as_count() /
      sum:trace.http.request.hits{cluster_name:{cluster_name}}.as_count()
    latency_p95: "avg:trace.http.request.duration.by.service.95p{env:{environment}}"
    grouped: "avg:a.b{env:x} by {cluster_name}"
    bare: "42"
`);
    expect(found).toEqual([
      "guard.yaml: datadog.queries.error_rate: 'sum:trace.http.request.errors{service:*,env:{environment}}' is not scoped by cluster, so it would measure other clusters too; add a cluster tag to its braces, such as cluster_name:{cluster_name}",
      expect.stringMatching(/datadog.queries.latency_p95: 'avg:trace.*' is not scoped by cluster/),
      expect.stringMatching(/datadog.queries.grouped: 'avg:a.b\{env:x\}' is not scoped by cluster/),
      expect.stringMatching(/datadog.queries.bare: '42' is not scoped by cluster/),
    ]);
  });
});

describe('the metrics provider', () => {
  const SCOPED = 'queries: {errors: \'sum by (cluster) (e{cluster="{cluster_name}"})\'}';

  it('is Datadog, where nothing is said', () => {
    expect(parseConfig(MINIMAL, 'guard.yaml').metrics).toEqual({ provider: 'datadog' });
  });

  it.each([
    ['has no endpoint', 'metrics: {provider: prometheus}\n', /prometheus.endpoints: is empty/],
    ['is not known', 'metrics: {provider: graphite}\n', /metrics.provider.*datadog.*prometheus/],
    [
      'has a password in its address',
      'prometheus: {endpoints: [{url: "https://me:secret@p.test"}]}\n',
      /endpoints.0.url.*credentials_secret/,
    ],
    ['is no address', 'prometheus: {endpoints: [{url: "p.test:9090"}]}\n', /endpoints.0.url/],
    [
      'has an endpoint that is never asked',
      'prometheus: {endpoints: [{url: "https://all.test"}, {url: "https://b.test", clusters: [b]}]}\n',
      /endpoints.0: names no clusters.*put it last/,
    ],
    [
      'measures a cluster twice',
      'prometheus: {endpoints: [{url: "https://a.test", clusters: [b]}, {url: "https://b.test", clusters: [b]}]}\n',
      /endpoints.1.clusters: 'b' is at endpoint 0 already/,
    ],
    [
      'has a query of every cluster',
      'prometheus: {endpoints: [{url: "https://a.test"}], queries: {errors: "sum(e)"}}\n',
      /prometheus.queries.errors: 'e' is not scoped by cluster.*cluster="\{cluster_name\}"/,
    ],
    [
      'has a query of every cluster of an environment',
      'prometheus: {endpoints: [{url: "https://a.test", clusters: [a], environments: [dev]}], queries: {errors: "sum(e)"}}\n',
      /prometheus.queries.errors: 'e' is not scoped/,
    ],
  ])('is refused when it %s, in one line without secrets', (_what, text, says) => {
    const found = problems(text);
    expect(found).toEqual([expect.stringMatching(says)]);
    expect(found.join()).not.toContain('secret@');
  });

  it('needs no cluster in queries where each Prometheus measures one cluster alone', () => {
    const own = (query: string) =>
      parseConfig(
        `${MINIMAL}prometheus: {endpoints: [{url: "https://a.test", clusters: [a]}, {url: "https://b.test", clusters: [b]}], ${query}}\n`,
        'guard.yaml',
      );
    expect(own('queries: {errors: "sum(e)"}').prometheus.queries).toEqual({ errors: 'sum(e)' });
    expect(own(SCOPED).prometheus.ignore_alerts).toEqual(['Watchdog', 'InfoInhibitor']);
  });
});

describe('a declared comparison of metrics', () => {
  const comparison = (metric: string, more = '') =>
    `${more}checks:\n  - {name: logs, kind: metrics_comparison, metrics: [${metric}]}\n`;
  const QUERY = 'query: "sum:sent{cluster:{cluster_name}}"';
  const PROMETHEUS = 'metrics: {provider: prometheus}\nprometheus: {endpoints: [{url: "https://p.test"}]}\n';

  it('has windows, stages and a timeout where nothing is said', () => {
    const text = comparison(`{name: sent, ${QUERY}, threshold_decrease_percentage: 10}`);
    expect(parseConfig(MINIMAL + text, 'guard.yaml').checks).toEqual([
      {
        name: 'logs',
        kind: 'metrics_comparison',
        stages: ['before', 'after'],
        timeout_seconds: 10,
        window_minutes: 15,
        baseline_minutes: 60,
        metrics: [
          { name: 'sent', query: 'sum:sent{cluster:{cluster_name}}', threshold_decrease_percentage: 10 },
        ],
      },
    ]);
  });

  it.each([
    [
      'could never fail',
      comparison(`{name: sent, ${QUERY}}`),
      /metrics.0.*needs threshold_increase_percentage/,
    ],
    [
      'names a metric twice',
      comparison(
        `{name: a, ${QUERY}, threshold_increase_percentage: 1}, {name: a, ${QUERY}, threshold_increase_percentage: 1}`,
      ),
      /checks.0.metrics: names a metric twice/,
    ],
    [
      'measures every cluster',
      comparison('{name: sent, query: "sum:sent{*}", threshold_increase_percentage: 1}'),
      /checks.0.metrics.0.query: 'sum:sent\{\*\}' is not scoped by cluster/,
    ],
    [
      'measures every cluster, in PromQL',
      comparison('{name: sent, query: "sum(sent)", threshold_increase_percentage: 1}', PROMETHEUS),
      /checks.0.metrics.0.query: 'sent' is not scoped by cluster.*cluster="/,
    ],
    [
      'has no query for the provider',
      comparison(
        `{name: sent, query: {datadog: 'a:b{cluster:{cluster_name}}'}, threshold_increase_percentage: 1}`,
        PROMETHEUS,
      ),
      /checks.0.metrics.0.query: has no text for prometheus/,
    ],
    ['is of another kind', 'checks: [{name: logs, kind: metric_comparison}]\n', /checks.0.kind/],
  ])('is refused when it %s', (_what, text, says) => {
    expect(problems(text)).toEqual([expect.stringMatching(says)]);
  });
});

describe('settingsFor', () => {
  const config = parseConfig(
    `${MINIMAL}validation:
  soak_period_minutes: 30
  environments:
    production: {soak_period_minutes: 90, thresholds: {latency_increase_percent: 5}}
  batches:
    prod-wave-1: {soak_period_minutes: 120, thresholds: {error_rate_max: 0.01}}
`,
    'guard.yaml',
  );

  it('gives the plain settings where nothing overrides them', () => {
    const settings = settingsFor(config, { environment: 'dev', batch: 'dev-wave-1' });
    expect(settings).toMatchObject({ soak_period_minutes: 30, thresholds: { latency_increase_percent: 10 } });
    expect(Object.keys(settings)).not.toContain('environments');
  });

  it('lets the batch win over its environment, threshold by threshold', () => {
    expect(settingsFor(config, { environment: 'production', batch: 'prod-wave-1' })).toMatchObject({
      soak_period_minutes: 120,
      hold_minutes: 30,
      thresholds: { latency_increase_percent: 5, error_rate_max: 0.01, resource_increase_percent: 50 },
    });
    expect(settingsFor(config, { environment: 'production' }).soak_period_minutes).toBe(90);
  });
});
