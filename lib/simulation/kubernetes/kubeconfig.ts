import { stringify } from 'yaml';

/** A kubeconfig with one context per cluster; the first is the current one. */
export function kubeconfigOf(
  clusters: readonly { readonly name: string; readonly server: string; readonly token: string }[],
  ca: string,
): string {
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': clusters[0]?.name ?? '',
      clusters: clusters.map(({ name, server }) => ({
        name,
        cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
      })),
      users: clusters.map(({ name, token }) => ({ name, user: { token } })),
      contexts: clusters.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
    },
    { lineWidth: 0 },
  );
}

/** Address of a cluster's API server. */
export function addressOf(url: string, cluster: string): string {
  return `${url}/clusters/${encodeURIComponent(cluster)}`;
}
