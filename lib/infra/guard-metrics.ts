import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { METRIC_NAMESPACE, METRIC_SERVICE, type MetricName } from '../config/metric-names.js';
import { FIVE_MINUTES } from './alerts.js';

/** A metric that the handlers write, of the whole fleet. */
export function handlersMetric(name: MetricName, statistic = 'Sum'): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: METRIC_NAMESPACE,
    metricName: name,
    dimensionsMap: { service: METRIC_SERVICE },
    statistic,
    period: FIVE_MINUTES,
  });
}

/** One line for each batch, or for each check of each batch, a day at a time. */
export function byName(
  name: MetricName,
  dimensions: 'batch,target' | 'batch,check,target' = 'batch,target',
  statistic: 'Sum' | 'Maximum' = 'Sum',
): cloudwatch.IMetric {
  return new cloudwatch.MathExpression({
    expression: `SEARCH('{${METRIC_NAMESPACE},${dimensions}} MetricName="${name}"', '${statistic}', 86400)`,
    usingMetrics: {},
    label: '',
  });
}

/** A metric that is counted in the events themselves (event-log.ts). */
export function eventsMetric(name: 'guard.upgrade.halted' | 'guard.upgrade.unsafe'): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: METRIC_NAMESPACE,
    metricName: name,
    statistic: 'Sum',
    period: FIVE_MINUTES,
  });
}
