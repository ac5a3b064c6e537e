/**
 * Which Kubernetes minors an Istio minor supports. Data with a date, because the table is edited after a
 * release; the newest row is the least certain. Source: istio.io support status and endoflife.date.
 */
export const SUPPORT_MATRIX = {
  asOf: '2026-08-22',
  istio: {
    '1.18': ['1.24', '1.27'],
    '1.19': ['1.25', '1.28'],
    '1.20': ['1.25', '1.29'],
    '1.21': ['1.26', '1.29'],
    '1.22': ['1.27', '1.30'],
    '1.23': ['1.27', '1.30'],
    '1.24': ['1.28', '1.31'],
    '1.25': ['1.29', '1.32'],
    '1.26': ['1.29', '1.33'],
    '1.27': ['1.29', '1.33'],
    '1.28': ['1.30', '1.34'],
    '1.29': ['1.31', '1.35'],
    '1.30': ['1.32', '1.36'],
    '1.31': ['1.32', '1.36'],
  } as Readonly<Record<string, readonly [lowest: string, highest: string]>>,
} as const;

/** `undefined`: the matrix does not know this Istio minor. */
export function supports(istioMinor: string, kubernetesMinor: string): boolean | undefined {
  const range = SUPPORT_MATRIX.istio[istioMinor];
  if (!range) return undefined;
  const minor = (text: string): number => Number(text.split('.')[1]);
  if (!kubernetesMinor.startsWith('1.')) return false;
  return minor(kubernetesMinor) >= minor(range[0]) && minor(kubernetesMinor) <= minor(range[1]);
}
