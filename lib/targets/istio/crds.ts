/** CRDs of Istio 1.20 to 1.29 (external-apis.md E3, from the repository's tags). */
const COMMON = [
  'wasmplugins.extensions.istio.io',
  'destinationrules.networking.istio.io',
  'envoyfilters.networking.istio.io',
  'gateways.networking.istio.io',
  'proxyconfigs.networking.istio.io',
  'serviceentries.networking.istio.io',
  'sidecars.networking.istio.io',
  'virtualservices.networking.istio.io',
  'workloadentries.networking.istio.io',
  'workloadgroups.networking.istio.io',
  'authorizationpolicies.security.istio.io',
  'peerauthentications.security.istio.io',
  'requestauthentications.security.istio.io',
  'telemetries.telemetry.istio.io',
] as const;

/** What a version brings; 1.30 added one. */
export function requiredCrds(minor: number): readonly string[] {
  return minor >= 30 ? [...COMMON, 'trafficextensions.extensions.istio.io'] : COMMON;
}
