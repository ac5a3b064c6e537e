import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { ENV, handlerName } from '../../lib/config/names.js';
import { HANDLERS, type Need } from '../../lib/infra/handlers.js';
import { placeholdersOf } from '../../lib/infra/rollout-machine.js';
import { DEFINITION, ofType, PROJECT, stackOf, statementsOf, templateOf, textOf } from './stack-support.js';

const { stack } = stackOf();
const { resources } = templateOf(stack);
const FILES = readdirSync(join(PROJECT, 'lambdas'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length));

describe('one name, four places', () => {
  it('has a setting and a construct for each file of lambdas/, and no more', () => {
    expect(Object.keys(HANDLERS).sort()).toEqual(FILES.map(handlerName).sort());
    expect(ofType(resources, 'AWS::Lambda::Function')).toHaveLength(FILES.length);
  });

  it('substitutes every placeholder of the machine, and nothing that is none', () => {
    const [, machine] = ofType(resources, 'AWS::StepFunctions::StateMachine').find(
      ([, { StateMachineName }]) => StateMachineName === 'guard-rollout',
    )!;
    expect(Object.keys(machine.DefinitionSubstitutions).sort()).toEqual(placeholdersOf(DEFINITION));
    expect(Object.keys(HANDLERS)).toEqual(expect.arrayContaining(placeholdersOf(DEFINITION)));
  });
});

describe('every function', () => {
  it.each(ofType(resources, 'AWS::Lambda::Function'))(
    '%s: arm64, nodejs24.x, traced, its own log',
    (_id, fn) => {
      expect(fn.Architectures).toEqual(['arm64']);
      expect(fn.Runtime).toBe('nodejs24.x');
      expect(fn.TracingConfig).toEqual({ Mode: 'Active' });
      expect(resources[fn.LoggingConfig.LogGroup.Ref]?.Properties.LogGroupName).toBe(
        `/aws/lambda/${fn.FunctionName}`,
      );
    },
  );

  it('gets environment names that the code reads, and no value that looks like a secret', () => {
    const known: string[] = [...Object.values(ENV), 'NODE_OPTIONS'];
    for (const [, { Environment }] of ofType(resources, 'AWS::Lambda::Function')) {
      expect(known).toEqual(expect.arrayContaining(Object.keys(Environment.Variables)));
      expect(Environment.Variables[ENV.configFile]).toBe('/var/task/guard.json');
      expect(JSON.stringify(Environment.Variables)).not.toMatch(/secret|token|password/i);
    }
  });

  it('ends before the state that called it gives up, so that a retry never meets the attempt before it', () => {
    for (const { handler, timeoutSeconds } of calls(parse(DEFINITION, { maxAliasCount: -1 }))) {
      expect({ handler, fits: HANDLERS[handler]!.timeoutSeconds <= timeoutSeconds }).toEqual({
        handler,
        fits: true,
      });
    }
  });
});

describe('permissions', () => {
  const statements = statementsOf(resources);

  it('has no wildcard action', () => {
    expect(statements.flatMap(({ actions }) => actions).filter((action) => action.includes('*'))).toEqual([]);
  });

  it('has a wildcard resource only for tracing and for the delivery of logs', () => {
    const wild = statements
      .filter((statement) => statement.resources.includes('*'))
      .flatMap(({ actions }) => actions);
    for (const action of wild)
      expect(action).toMatch(/^(xray:Put|xray:GetSampling|logs:\w*(Log|Resource)\w*)/);
  });

  it('has a wildcard inside a name only for roles, executions and versions', () => {
    const inside = statements.flatMap(({ resources: on }) =>
      on.filter((each) => each.length > 1 && each.includes('*')),
    );
    for (const each of inside) {
      expect(each).toMatch(/(role\/GUARD-EKSAccess\*|execution:guard-rollout:\*|Function\w+\.Arn>:\*)$/);
    }
  });

  it('gives each handler what its file imports from lambdas/support', () => {
    const imports: Record<string, readonly Need[]> = {
      storage: ['journal'],
      git: ['git'],
      clusters: ['clusters'],
      metrics: ['metrics'],
      analyzer: ['analyzer'],
      events: ['events'],
      'own-metrics': ['own-metrics'],
      notifier: ['notifier'],
      'webhook-secrets': ['webhook-secrets'],
    };
    for (const file of FILES) {
      const { needs } = HANDLERS[handlerName(file)]!;
      const text = readFileSync(join(PROJECT, 'lambdas', `${file}.ts`), 'utf8');
      const imported = [...text.matchAll(/from '\.\/support\/([a-z-]+)\.js'/g)].map((match) => match[1]!);
      const expected = imported.flatMap((name) => imports[name] ?? []).sort();
      const adapters = needs.filter((need) => !/^(registry|executions|journal-)/.test(need)).sort();
      expect({ file, adapters }).toEqual({ file, adapters: expected });
      const executions = needs.some((need) => need.startsWith('executions'));
      expect({ file, executions }).toEqual({ file, executions: imported.includes('executions') });
    }
  });

  it('gives each handler what its phases call', () => {
    const means: Record<string, Need[]> = {
      'registry.get': ['registry-read', 'registry-change'],
      'registry.all': ['registry-read', 'registry-change'],
      'registry.batch': ['registry-read', 'registry-change'],
      'registry.change': ['registry-change'],
      'journal.remove': ['journal-remove'],
      'executions.describe': ['executions-describe'],
      'executions.resume': ['executions-resume'],
      'executions.start': ['executions-start'],
    };
    for (const file of FILES) {
      const { needs } = HANDLERS[handlerName(file)]!;
      // It borrows a function of another phase; its own ports have no registry.
      const borrowed = file === 'analyze-failure' ? /^registry/ : /^$/;
      for (const call of callsOf(join(PROJECT, 'lambdas', `${file}.ts`))) {
        if (borrowed.test(call)) continue;
        const fits =
          means[call]?.some((need) => needs.includes(need)) ?? !/^(registry|executions)/.test(call);
        expect({ file, call, fits }).toEqual({ file, call, fits: true });
      }
    }
  });
});

describe('logs, data at rest, alarms', () => {
  it('keeps every log for a while, and none for ever', () => {
    for (const [, log] of ofType(resources, 'AWS::Logs::LogGroup')) expect(log.RetentionInDays).toBe(180);
  });

  it('encrypts queues and the topic', () => {
    for (const [, queue] of ofType(resources, 'AWS::SQS::Queue'))
      expect(queue.SqsManagedSseEnabled).toBe(true);
    for (const [, topic] of ofType(resources, 'AWS::SNS::Topic')) expect(topic.KmsMasterKeyId).toBeDefined();
  });

  it('retries on every rule and schedule, and has a queue with an alarm behind each', () => {
    const watched = ofType(resources, 'AWS::CloudWatch::Alarm').flatMap(([, { Dimensions = [] }]) =>
      Dimensions.filter(({ Name }: { Name: string }) => Name === 'QueueName').map(
        ({ Value }: { Value: unknown }) => (Value as { 'Fn::GetAtt': [string] })['Fn::GetAtt'][0],
      ),
    );
    const targets = [
      ...ofType(resources, 'AWS::Events::Rule').flatMap(([, { Targets }]) => Targets),
      ...ofType(resources, 'AWS::Scheduler::Schedule').map(([, { Target }]) => Target),
    ];
    expect(targets.length).toBeGreaterThan(8);
    for (const target of targets) {
      expect(target.RetryPolicy.MaximumEventAgeInSeconds).toBeGreaterThan(0);
      expect(watched).toContain(target.DeadLetterConfig.Arn['Fn::GetAtt'][0]);
    }
  });

  it('adds up no metrics in an alarm: the sum is missing when one of them is', () => {
    const alarms = ofType(resources, 'AWS::CloudWatch::Alarm');
    expect(alarms.length).toBeGreaterThan(15);
    for (const [id, { Metrics, MetricName }] of alarms)
      expect([id, Metrics, !MetricName]).toEqual([id, undefined, false]);
  });

  it('tells someone with every alarm, and says what no data means', () => {
    for (const [, alarm] of ofType(resources, 'AWS::CloudWatch::Alarm')) {
      expect(alarm.AlarmActions).toHaveLength(1);
      expect(['notBreaching', 'breaching']).toContain(alarm.TreatMissingData);
    }
  });

  it('has a runbook entry for each alarm, and no entry without one', () => {
    const runbook = readFileSync(join(PROJECT, 'docs/runbook.md'), 'utf8');
    const entries = [...runbook.matchAll(/^## (.+)$/gm)].map(([, title]) =>
      title!.toLowerCase().replaceAll(' ', '-'),
    );
    const linked = ofType(resources, 'AWS::CloudWatch::Alarm').map(
      ([, { AlarmDescription }]) => /docs\/runbook\.md#([a-z-]+)$/.exec(AlarmDescription)?.[1],
    );
    expect([...new Set(linked)].sort()).toEqual(entries.sort());
  });

  it('lets the machine call older versions of every handler, for rollouts that began before a deployment', () => {
    const invoked = statementsOf(resources)
      .filter(
        ({ policy, actions }) => policy.startsWith('Rollouts') && actions.includes('lambda:InvokeFunction'),
      )
      .flatMap(({ resources: on }) => on);
    const called = placeholdersOf(DEFINITION).map(
      (name) => `${textOf(stack.resolve(stack.functions[name]!.lambda.functionArn))}:*`,
    );
    expect(invoked).toEqual(expect.arrayContaining(called));
  });
});

/** Every Lambda call of a definition, states of maps and branches too. */
function calls(machine: unknown): { handler: string; timeoutSeconds: number }[] {
  if (typeof machine !== 'object' || machine === null) return [];
  const state = machine as { Type?: string; Arguments?: { FunctionName?: string }; TimeoutSeconds?: unknown };
  const handler = /^\$\{(\w+)\}$/.exec(state.Arguments?.FunctionName ?? '')?.[1];
  // A wait for a token has a timeout of its own, by the configuration; it is hours.
  const own =
    handler && typeof state.TimeoutSeconds === 'number'
      ? [{ handler, timeoutSeconds: state.TimeoutSeconds }]
      : [];
  return [...own, ...Object.values(machine).flatMap(calls)];
}

/** `registry.change` and the like, in the phases that a file reaches by its imports. */
function callsOf(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  const own = [...text.matchAll(/ports\.(registry|journal|executions)\.(\w+)\(/g)].map(
    ([, port, name]) => `${port}.${name}`,
  );
  const imported = [...text.matchAll(/^import (?!type)[^;]*?from '(\.[^']+)\.js'/gms)]
    .map((match) => resolve(dirname(file), `${match[1]}.ts`))
    .filter((path) => path.includes('/lib/phases/'));
  return [...new Set([...own, ...imported.flatMap((path) => callsOf(path, seen))])];
}
