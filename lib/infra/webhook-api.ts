import { RemovalPolicy } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import * as apigateway from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { type Alerts, FIVE_MINUTES } from './alerts.js';
import type { GuardFunction } from './guard-function.js';
import { accept } from './nag.js';
import type { Stage } from './stage.js';

const PATH = '/webhooks/gitlab';

/** The one door from outside: GitLab's webhook, throttled, logged, answered by one function. */
export class WebhookApi extends Construct {
  readonly url: string;
  readonly api: apigateway.HttpApi;

  constructor(
    scope: Construct,
    id: string,
    { handler, stage, alerts }: { handler: GuardFunction; stage: Stage; alerts: Alerts },
  ) {
    super(scope, id);
    const log = new logs.LogGroup(this, 'AccessLog', {
      logGroupName: '/aws/vendedlogs/apigateway/guard-webhooks',
      retention: stage.logRetentionDays,
      removalPolicy: stage.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    this.api = new apigateway.HttpApi(this, 'Api', {
      apiName: 'guard-webhooks',
      description: "GitLab's webhooks for GUARD",
      createDefaultStage: false,
    });
    const [route] = this.api.addRoutes({
      path: PATH,
      methods: [apigateway.HttpMethod.POST],
      integration: new HttpLambdaIntegration('GitlabWebhook', handler.lambda),
    });
    accept(
      route!,
      'APIG4',
      'GitLab can send no AWS signature and no JWT: the handler verifies its token and its HMAC over the raw body.',
    );
    const stageOfApi = new apigateway.HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      // A busy GitLab sends a few events a second; more is a storm or an attack.
      throttle: { rateLimit: 20, burstLimit: 40 },
      accessLogSettings: {
        destination: new apigateway.LogGroupLogDestination(log),
        format: AccessLogFormat.custom(
          JSON.stringify({
            time: '$context.requestTime',
            request: '$context.requestId',
            ip: '$context.identity.sourceIp',
            route: '$context.routeKey',
            status: '$context.status',
            bytes: '$context.responseLength',
            ms: '$context.responseLatency',
            error: '$context.integrationErrorMessage',
          }),
        ),
      },
    });
    this.url = `${this.api.apiEndpoint}${PATH}`;
    alerts.alarm(this, 'Failing', {
      metric: stageOfApi.metricServerError({ period: FIVE_MINUTES }),
      means: "GitLab's webhooks are answered with errors; GitLab stops sending after some of them.",
      runbook: 'webhook-failing',
      threshold: 3,
    });
  }
}
