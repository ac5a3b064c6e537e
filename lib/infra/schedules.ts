import { Duration, Stack, TimeZone } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import * as targets from 'aws-cdk-lib/aws-scheduler-targets';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { Config } from '../config/schema.js';
import { type Alerts, FIVE_MINUTES } from './alerts.js';
import { DeadLetterQueue } from './dead-letter-queue.js';
import type { GuardFunction } from './guard-function.js';
import { acceptVersions } from './nag.js';
import { acceptMachine, machineLog } from './rollout-machine.js';
import type { Stage } from './stage.js';

export interface SchedulesProps {
  readonly sweep: GuardFunction;
  readonly rollouts: sfn.StateMachine;
  readonly waves: Config['schedules'];
  readonly stage: Stage;
  readonly alerts: Alerts;
}

/** What happens by the clock: the sweep every five minutes, and the waves of the configuration. */
export class Schedules extends Construct {
  constructor(scope: Construct, id: string, props: SchedulesProps) {
    super(scope, id);
    const { sweep, waves, alerts } = props;
    const lost = new DeadLetterQueue(this, 'Lost', { alerts, what: 'A scheduled start' });
    const role = schedulerRole(this, 'Role');
    new scheduler.Schedule(this, 'Sweep', {
      scheduleName: 'guard-sweep',
      description: 'Renews leases, finds what webhooks missed, settles what ended otherwise',
      schedule: scheduler.ScheduleExpression.rate(Duration.minutes(5)),
      target: new targets.LambdaInvoke(sweep.lambda, {
        role,
        // The next one comes in five minutes and does the same.
        retryAttempts: 0,
        maxEventAge: Duration.minutes(5),
        deadLetterQueue: lost.queue,
      }),
    });
    acceptVersions(role, sweep, "Scheduler's target is the function; CDK's grant names its versions too.");
    if (waves.length > 0) this.#waves(props, lost, role);
  }

  #waves({ waves, rollouts, stage, alerts }: SchedulesProps, lost: DeadLetterQueue, role: iam.Role): void {
    const starter = this.#starter(rollouts, stage, alerts);
    for (const wave of waves) {
      const { target, version, batch } = wave;
      new scheduler.Schedule(this, wave.name, {
        scheduleName: `guard-${wave.name}`,
        description: `${target} ${version} for ${batch}`,
        enabled: wave.enabled,
        schedule: scheduler.ScheduleExpression.expression(`cron(${wave.cron})`, TimeZone.of(wave.time_zone)),
        timeWindow:
          wave.window_minutes > 0
            ? scheduler.TimeWindow.flexible(Duration.minutes(wave.window_minutes))
            : scheduler.TimeWindow.off(),
        target: new targets.StepFunctionsStartExecution(starter, {
          role,
          input: scheduler.ScheduleTargetInput.fromObject({
            wave: wave.name,
            scheduled: scheduler.ContextAttribute.scheduledTime,
            input: { target, version, batch, requested_by: `schedule ${wave.name}` },
          }),
          retryAttempts: 10,
          maxEventAge: Duration.hours(1),
          deadLetterQueue: lost.queue,
        }),
      });
    }
  }

  /**
   * Scheduler delivers at least once and would name each execution anew, and its time has colons, which a name may
   * not have. So a small machine names the rollout's execution by wave and time: what fires twice starts once.
   */
  #starter(rollouts: sfn.StateMachine, stage: Stage, alerts: Alerts): sfn.StateMachine {
    const starter = new sfn.StateMachine(this, 'StartWave', {
      stateMachineName: 'guard-start-wave',
      comment: 'Starts the rollout of a wave, once for each time of its schedule',
      stateMachineType: sfn.StateMachineType.EXPRESS,
      timeout: Duration.minutes(1),
      definitionBody: sfn.DefinitionBody.fromString(JSON.stringify(START_WAVE)),
      definitionSubstitutions: { RolloutMachine: rollouts.stateMachineArn },
      tracingEnabled: true,
      logs: {
        destination: machineLog(this, 'StartWaveLog', 'guard-start-wave', stage),
        level: sfn.LogLevel.ERROR,
        includeExecutionData: false,
      },
    });
    rollouts.grantStartExecution(starter);
    acceptMachine(starter);
    // An express execution that fails is no event, and for Scheduler it was started well.
    const metrics = {
      WaveNotStarted: starter.metricFailed({ period: FIVE_MINUTES }),
      WaveTimedOut: starter.metricTimedOut({ period: FIVE_MINUTES }),
    };
    for (const [id, metric] of Object.entries(metrics)) {
      alerts.alarm(this, id, {
        metric,
        means: 'A wave of the configuration was due, and its rollout could not be started.',
        runbook: 'wave-not-started',
      });
    }
    return starter;
  }
}

/** Only for schedules of this account: Scheduler serves everybody. */
function schedulerRole(scope: Construct, id: string): iam.Role {
  return new iam.Role(scope, id, {
    description: "What GUARD's schedules may start",
    assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
  });
}

export const START_WAVE = {
  QueryLanguage: 'JSONata',
  StartAt: 'Start the rollout',
  TimeoutSeconds: 60,
  States: {
    'Start the rollout': {
      Type: 'Task',
      Resource: 'arn:aws:states:::aws-sdk:sfn:startExecution',
      Arguments: {
        StateMachineArn: '${RolloutMachine}',
        Name: '{% $states.input.wave & "-" & $replace($states.input.scheduled, ":", "") %}',
        Input: '{% $states.input.input %}',
      },
      Retry: [{ ErrorEquals: ['States.TaskFailed'], IntervalSeconds: 5, MaxAttempts: 3, BackoffRate: 2 }],
      Catch: [{ ErrorEquals: ['Sfn.ExecutionAlreadyExistsException'], Next: 'Started before' }],
      End: true,
    },
    'Started before': { Type: 'Succeed' },
  },
} as const;
