import { type CheckResult, checkResult } from '../../../domain/evidence.js';
import type { IstioFinding } from '../../../ports/istio-analyzer.js';

const CHECK = 'istioctl-analyze';

/**
 * Findings of `istioctl analyze`; after the change only those that were not there before. Nothing when no binary
 * is configured, unless the configuration requires one: then `errored`.
 */
export function analysisFindings(
  findings: readonly IstioFinding[] | undefined | { error: string },
  required: boolean,
  stage: 'before' | 'after',
  earlier: readonly IstioFinding[] | undefined,
): CheckResult[] {
  if (findings === undefined) {
    return required
      ? [
          checkResult(
            CHECK,
            'errored',
            'istio.analyze_required is true, but istio.istioctl_path is not configured',
          ),
        ]
      : [];
  }
  if ('error' in findings) return [checkResult(CHECK, 'errored', `could not run: ${findings.error}`)];
  const known = new Set((stage === 'after' ? (earlier ?? []) : []).map(identity));
  const fresh = findings.filter((finding) => !known.has(identity(finding)));
  const errors = fresh.filter(({ level }) => level.toLowerCase() === 'error');
  const unknown = fresh.filter(({ level }) => !['error', 'warning', 'info'].includes(level.toLowerCase()));
  const which = stage === 'after' ? 'new ' : '';
  if (errors.length > 0) {
    return [
      checkResult(
        CHECK,
        'failed',
        `${errors.length} ${which}errors, first: ${describe(errors[0]!)}`,
        errors.map((finding) => ({ label: finding.code, value: describe(finding) })),
      ),
    ];
  }
  if (unknown.length > 0)
    return [
      checkResult(
        CHECK,
        'inconclusive',
        `level '${unknown[0]!.level}' is not known: ${describe(unknown[0]!)}`,
      ),
    ];
  return [checkResult(CHECK, 'passed', `no ${which}errors among ${findings.length} findings`)];
}

function identity(finding: IstioFinding): string {
  return `${finding.code}|${finding.origin ?? ''}|${finding.message}`;
}

function describe(finding: IstioFinding): string {
  return `${finding.code} ${finding.origin ?? ''} ${finding.message}`.replace(/\s+/g, ' ').trim();
}
