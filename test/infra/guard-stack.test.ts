import { describe, expect, it } from '@jest/globals';
import { Match } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import jsonata from 'jsonata';
import { eventRules } from '../../lib/config/event-rules.js';
import { OUTCOMES } from '../../lib/domain/rollout.js';
import { START_WAVE } from '../../lib/infra/schedules.js';
import { EVENT_TYPES } from '../../lib/ports/events.js';
import { ofType, stackOf, statementsOf, TRIAL, templateOf, testConfig } from './stack-support.js';

const { app, stack } = stackOf();
const { template, resources } = templateOf(stack);

/** The other end: a trial, in a private network, without schedules. */
const { resources: small } = templateOf(
  stackOf({
    stage: TRIAL,
    config: testConfig((config) => {
      config.schedules = [];
      config.network = {
        vpc_id: 'vpc-12345678',
        subnet_ids: ['subnet-12345678', 'subnet-87654321'],
        availability_zones: ['us-east-1a', 'us-east-1b'],
        route_table_ids: ['rtb-12345678', 'rtb-12345678'],
        security_group_ids: [],
        endpoints: true,
      };
    }),
  }).stack,
);

function allowed(handler: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const { policy, actions, resources: on } of statementsOf(resources)) {
    if (!policy.startsWith(`${handler}Role`)) continue;
    for (const action of actions) found[action] = [...(found[action] ?? []), ...on];
  }
  return found;
}

describe('tables', () => {
  it.each([
    ['guard-cluster-registry', 'batch-index', undefined],
    ['guard-journal', 'open-index', 'ttl'],
  ])('%s is on demand, encrypted, restorable, streamed and kept', (TableName, IndexName, ttl) => {
    template.hasResource('AWS::DynamoDB::GlobalTable', {
      DeletionPolicy: 'Retain',
      Properties: {
        BillingMode: 'PAY_PER_REQUEST',
        GlobalSecondaryIndexes: [Match.objectLike({ IndexName, Projection: { ProjectionType: 'ALL' } })],
        SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
        StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
        TimeToLiveSpecification: ttl ? { AttributeName: ttl, Enabled: true } : Match.absent(),
        Replicas: [
          Match.objectLike({
            DeletionProtectionEnabled: true,
            PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          }),
        ],
        TableName,
      },
    });
  });
});

describe('the state machine', () => {
  const [[, machine] = []] = ofType(resources, 'AWS::StepFunctions::StateMachine').filter(
    ([, { StateMachineType }]) => StateMachineType === 'STANDARD',
  );

  it('logs errors without execution data, and traces', () => {
    expect(machine.LoggingConfiguration).toMatchObject({ Level: 'ERROR', IncludeExecutionData: false });
    expect(machine.TracingConfiguration).toEqual({ Enabled: true });
    expect(machine.StateMachineName).toBe('guard-rollout');
  });

  it('calls versions, so that a second deployment leaves running rollouts alone', () => {
    const targets = Object.values(machine.DefinitionSubstitutions).map(
      (target) => resources[(target as { Ref: string }).Ref],
    );
    expect(targets.length).toBeGreaterThan(10);
    for (const target of targets) {
      expect(target).toMatchObject({ Type: 'AWS::Lambda::Version', DeletionPolicy: 'Retain' });
    }
  });

  it('refuses a definition that calls a handler which is not there', () => {
    const definition = 'StartAt: A\nStates: { A: { Type: Task, Resource: "${NoSuchHandler}", End: true } }';
    expect(() => stackOf({ definition })).toThrow('calls NoSuchHandler, and lambdas/ has no such handler');
  });
});

describe('permissions', () => {
  it('lets only the handlers of clusters assume roles, by a name, with an ExternalId', () => {
    const assume = statementsOf(resources).filter(({ actions }) => actions.includes('sts:AssumeRole'));
    expect(assume.map(({ policy }) => policy.replace(/Role.*/, '')).sort()).toEqual([
      'CheckCluster',
      'RestartDataPlane',
      'WatchFlux',
    ]);
    for (const statement of assume) {
      expect(statement.resources).toEqual(['arn:<AWS::Partition>:iam::*:role/GUARD-EKSAccess*']);
      expect(statement.condition).toEqual({ Null: { 'sts:ExternalId': 'false' } });
    }
  });

  it.each([
    ['CheckCluster', ['external-id']],
    ['Plan', ['gitlab-token']],
    ['Measure', ['datadog-credentials']],
    ['GitlabWebhook', ['gitlab-webhook']],
    ['Notify', ['notification-webhook', 'pagerduty-key', 'slack']],
    ['Decide', []],
  ])('%s reads the secrets %j and no other', (handler, names) => {
    expect(allowed(handler)['secretsmanager:GetSecretValue']?.sort() ?? []).toEqual(
      names.map(
        (name) =>
          `arn:<AWS::Partition>:secretsmanager:us-east-1:<AWS::AccountId>:secret:guard/${name}-??????`,
      ),
    );
  });

  it('gives the Datadog keys to whoever sends metrics only where they are sent', () => {
    const config = testConfig((each) => {
      each.datadog.send_metrics = true;
    });
    const { resources: with_ } = templateOf(stackOf({ config }).stack);
    const readers = (of: typeof resources) =>
      statementsOf(of)
        .filter(({ resources: on }) => on.some((arn) => arn.includes('datadog-credentials')))
        .map(({ policy }) => policy.replace(/Role.*/, ''));
    expect(readers(resources)).toEqual(['Measure']);
    expect([...new Set(readers(with_))].sort()).toEqual([
      'Announce',
      'CheckCluster',
      'Decide',
      'Measure',
      'Plan',
      'Settle',
      'Sweep',
    ]);
  });

  it("reads Prometheus' secrets instead of Datadog's where Prometheus is asked", () => {
    const config = testConfig((change) => {
      change.metrics = { provider: 'prometheus' };
      const alertmanager = { url: 'https://am.test', credentials_secret: 'guard/alertmanager' };
      const endpoint = { url: 'https://p.test', credentials_secret: 'guard/prometheus' };
      change.prometheus.endpoints = [
        { ...endpoint, environments: ['dev'] },
        { ...endpoint, alertmanager },
      ];
    });
    const read = statementsOf(templateOf(stackOf({ config }).stack).resources).filter(
      ({ policy, actions }) =>
        policy.startsWith('Measure') && actions.includes('secretsmanager:GetSecretValue'),
    );
    const names = read.flatMap(({ resources }) => resources).map((arn) => /guard\/(.*)-/.exec(arn)![1]);
    expect(names.sort()).toEqual(['alertmanager', 'prometheus']);
  });

  it('gives the tables only in the ways in which they are used', () => {
    const actions = (handler: string) =>
      Object.keys(allowed(handler))
        .filter((action) => action.startsWith('dynamodb:'))
        .sort();
    expect(actions('Notify')).toEqual([]);
    expect(actions('Resume')).toEqual(
      ['BatchGetItem', 'GetItem', 'PutItem', 'Query'].map((a) => `dynamodb:${a}`),
    );
    expect(actions('CheckCluster')).not.toContain('dynamodb:UpdateItem');
    expect(actions('Decide')).toContain('dynamodb:UpdateItem');
    expect(actions('Decide')).not.toContain('dynamodb:DeleteItem');
  });

  it('lets executions be stopped or redriven by no handler at all', () => {
    const states = statementsOf(resources).flatMap(({ actions }) =>
      actions.filter((a) => a.startsWith('states:')),
    );
    expect([...new Set(states)].sort()).toEqual([
      'states:DescribeExecution',
      'states:SendTaskSuccess',
      'states:StartExecution',
    ]);
  });
});

describe('alarms', () => {
  it('may be published: a topic with a policy of its own lets in nobody whom it does not name', () => {
    const [[, { PolicyDocument }] = []] = ofType(resources, 'AWS::SNS::TopicPolicy');
    const allowed = PolicyDocument.Statement.filter(({ Effect }: { Effect: string }) => Effect === 'Allow');
    expect(
      allowed.map(({ Principal }: { Principal: { Service: string } }) => Principal.Service).sort(),
    ).toEqual(['cloudwatch.amazonaws.com', 'events.amazonaws.com']);
    const [alarms] = allowed.filter(({ Sid }: { Sid: string }) => Sid === 'Alarms');
    expect(alarms.Condition.StringEquals).toEqual({ 'aws:SourceAccount': { Ref: 'AWS::AccountId' } });
  });

  it('are raised when a wave could not be started, where there are waves', () => {
    const of = (from: typeof resources) =>
      ofType(from, 'AWS::CloudWatch::Alarm').filter(([id]) => /Wave(NotStarted|TimedOut)/.test(id));
    expect(of(resources)).toHaveLength(2);
    expect(of(small)).toHaveLength(0);
  });
});

describe('events', () => {
  it('has every rule of lib/config/event-rules.ts, on its bus, to its handler', () => {
    for (const rule of eventRules('ARN')) {
      const [found] = ofType(resources, 'AWS::Events::Rule').filter(
        ([, { Name }]) => Name === `guard-${rule.name}`,
      );
      expect(found?.[1].EventBusName !== undefined).toBe(rule.bus === 'guard');
      expect(found?.[1].EventPattern['detail-type']).toEqual(rule.pattern['detail-type']);
      expect(found?.[1].Targets[0].Arn['Fn::GetAtt'][0]).toMatch(new RegExp(`^${rule.handler}Function`));
    }
  });

  it('tells the subscribers of the topic of gates, rollbacks, ends, and executions that broke off', () => {
    const told = ofType(resources, 'AWS::Events::Rule')
      .filter(([, { Targets }]) =>
        Targets.some(({ Arn }: { Arn: { Ref?: string } }) => Arn.Ref?.startsWith('AlertsTopic')),
      )
      .map(([, { Name }]) => Name);
    expect(told.sort()).toEqual(
      ['execution-ended', 'gate-opened', 'rollback-opened', 'rollout-ended'].map((name) => `guard-${name}`),
    );
  });

  it('keeps an archive of its own events only', () => {
    template.hasResourceProperties('AWS::Events::Archive', {
      EventPattern: { source: ['guard'] },
      RetentionDays: 90,
    });
  });

  it('keeps what an event handler could not do, besides what could not be delivered', () => {
    template.resourcePropertiesCountIs(
      'AWS::Lambda::EventInvokeConfig',
      { DestinationConfig: { OnFailure: Match.anyValue() }, MaximumRetryAttempts: 2 },
      3,
    );
  });
});

describe('metrics', () => {
  it('count outcomes and events that there are, each as a whole and for each batch', () => {
    const filters = ofType(resources, 'AWS::Logs::MetricFilter');
    const patterns = filters.map(([, { FilterPattern }]) => FilterPattern as string);
    const outcomes = patterns.flatMap((text) =>
      [...text.matchAll(/outcome !?= "([a-z-]+)"/g)].map((match) => match[1]),
    );
    expect(OUTCOMES).toEqual(expect.arrayContaining(outcomes));
    const types = patterns.flatMap((text) => /detail-type = "([^"]+)"/.exec(text)?.[1] ?? []);
    expect(Object.values(EVENT_TYPES)).toEqual(expect.arrayContaining(types));
    const byBatch = filters.filter(
      ([
        ,
        {
          MetricTransformations: [one],
        },
      ]) => one.Dimensions?.[0].Key === 'batch',
    );
    expect(byBatch).toHaveLength(2);
    expect(filters).toHaveLength(5);
  });
});

describe('schedules', () => {
  it('sweeps every five minutes', () => {
    template.hasResourceProperties('AWS::Scheduler::Schedule', {
      Name: 'guard-sweep',
      ScheduleExpression: 'rate(5 minutes)',
      State: 'ENABLED',
    });
  });

  it('starts a wave of the configuration in its time zone and window', () => {
    template.hasResourceProperties('AWS::Scheduler::Schedule', {
      Name: 'guard-test-weekly',
      ScheduleExpression: 'cron(0 6 ? * TUE *)',
      ScheduleExpressionTimezone: 'Europe/Berlin',
      FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 },
    });
  });

  it('names a scheduled execution the same however often its schedule fires, with legal characters', async () => {
    const { Name } = START_WAVE.States['Start the rollout'].Arguments;
    const input = { wave: 'test-weekly', scheduled: '2026-03-03T05:00:00Z' };
    const name = await jsonata(Name.slice(2, -2)).evaluate(undefined, { states: { input } });
    expect(name).toBe('test-weekly-2026-03-03T050000Z');
    expect(name).toMatch(/^[A-Za-z0-9_-]{1,80}$/);
  });

  it('needs no machine for waves when there are none', () => {
    expect(ofType(small, 'AWS::StepFunctions::StateMachine')).toHaveLength(1);
  });
});

describe('the webhook', () => {
  it('is one throttled route with an access log', () => {
    template.resourceCountIs('AWS::ApiGatewayV2::Route', 1);
    template.hasResourceProperties('AWS::ApiGatewayV2::Route', { RouteKey: 'POST /webhooks/gitlab' });
    template.hasResourceProperties('AWS::ApiGatewayV2::Stage', {
      AccessLogSettings: { DestinationArn: Match.anyValue() },
      DefaultRouteSettings: { ThrottlingBurstLimit: 40, ThrottlingRateLimit: 20 },
    });
  });
});

describe('stages and settings', () => {
  it('leaves nothing behind on trial, and reserves no concurrency there', () => {
    const kept = Object.values(small).filter(({ DeletionPolicy }) => DeletionPolicy?.startsWith('Retain'));
    // A function takes its versions with it.
    expect([...new Set(kept.map(({ Type }) => Type))]).toEqual(['AWS::Lambda::Version']);
    for (const [, properties] of ofType(small, 'AWS::Lambda::Function')) {
      expect(properties.ReservedConcurrentExecutions).toBeUndefined();
    }
  });

  it('puts every function into the network of the configuration, with endpoints when asked for', () => {
    for (const [, { VpcConfig }] of ofType(small, 'AWS::Lambda::Function')) {
      expect(VpcConfig.SubnetIds).toEqual(['subnet-12345678', 'subnet-87654321']);
    }
    // Source: EC2's CreateSecurityGroup; anything else fails at deployment.
    for (const [, { GroupDescription }] of ofType(small, 'AWS::EC2::SecurityGroup')) {
      expect(GroupDescription).toMatch(/^[a-zA-Z0-9. _\-:/()#,@[\]+=&;{}!$*]{1,255}$/);
    }
    const endpoints = ofType(small, 'AWS::EC2::VPCEndpoint').map(([, { ServiceName }]) => ServiceName);
    expect(endpoints).toContain('com.amazonaws.us-east-1.sts');
    expect(endpoints).toContain('com.amazonaws.us-east-1.dynamodb');
  });

  it('refuses tables in another region than the stack', () => {
    const config = testConfig((each) => {
      each.aws.dynamodb.region = 'eu-west-1';
    });
    expect(() => stackOf({ config })).toThrow('aws.dynamodb.region is eu-west-1 and aws.region is us-east-1');
  });
});

describe('cdk-nag', () => {
  it('finds nothing that is not answered by a reason', () => {
    expect(new AwsSolutionsChecks().validateScope(app).violations).toEqual([]);
  });
});

describe('snapshot', () => {
  it('is what was reviewed (hashes, code and the machine aside)', () => {
    const text = JSON.stringify(template.toJSON())
      .replace(/CurrentVersion[0-9A-F]{8}[0-9a-f]{32}/g, 'CurrentVersion')
      .replace(/"DefinitionString":"(?:[^"\\]|\\.)*"/g, '"DefinitionString":"its YAML file"')
      .replace(/(?<=[A-Za-z])[0-9A-F]{8}(?=["\\.])/g, '');
    expect(JSON.parse(text)).toMatchSnapshot();
  });
});
