import { apiVersionOf, RESOURCES, type Resource } from '../clusters/resources.js';
import type { Reply } from './reply.js';

const VERBS = ['get', 'list', 'watch', 'patch', 'delete'];
const AGGREGATED = 'as=APIGroupDiscoveryList';
const AGGREGATED_TYPE = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Answers to what kubectl asks before it asks for anything else; `undefined` for another path. */
export function discover(path: string, accept: string, kubernetesVersion: string): Reply | undefined {
  const aggregated = accept.includes(AGGREGATED) && accept.includes('v=v2;') ? AGGREGATED_TYPE : undefined;
  switch (path) {
    case '/version':
      return json(versionOf(kubernetesVersion));
    case '/api':
      return aggregated === undefined
        ? json({ kind: 'APIVersions', versions: ['v1'] })
        : json(aggregate(['']), aggregated);
    case '/apis':
      return aggregated === undefined ? json(groupList()) : json(aggregate(groups()), aggregated);
    case '/healthz':
    case '/livez':
    case '/readyz':
      return { status: 200, body: 'ok', contentType: 'text/plain' };
  }
  const match = /^\/(?:api|apis\/([^/]+))(?:\/([^/]+))?$/.exec(path);
  if (match === null) return undefined;
  const [, group = '', version] = match;
  if (version === undefined) return groups().includes(group) ? json(groupOf(group)) : undefined;
  const found = RESOURCES.filter((entry) => entry.group === group && entry.version === version);
  return found.length === 0 ? undefined : json(resourceList(found));
}

function json(value: object, contentType = 'application/json'): Reply {
  return { status: 200, body: JSON.stringify(value), contentType };
}

function versionOf(gitVersion: string): object {
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  return {
    major,
    minor,
    gitVersion,
    gitCommit: '0'.repeat(40),
    gitTreeState: 'clean',
    goVersion: 'go1.24.5',
    compiler: 'gc',
    platform: 'linux/amd64',
  };
}

function groups(): string[] {
  return [...new Set(RESOURCES.map((entry) => entry.group))].filter((group) => group !== '');
}

function versionsOf(group: string): string[] {
  return [...new Set(RESOURCES.filter((entry) => entry.group === group).map((entry) => entry.version))];
}

function groupOf(group: string): object {
  const versions = versionsOf(group).map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { kind: 'APIGroup', apiVersion: 'v1', name: group, versions, preferredVersion: versions[0] };
}

function groupList(): object {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups().map(groupOf) };
}

function resourceList(found: readonly Resource[]): object {
  const resources = found.flatMap((entry) => [
    {
      name: entry.plural,
      singularName: entry.singular,
      namespaced: entry.namespaced,
      kind: entry.kind,
      verbs: VERBS,
      shortNames: entry.shortNames,
    },
    ...entry.subresources.map((name) => ({
      name: `${entry.plural}/${name}`,
      singularName: '',
      namespaced: entry.namespaced,
      kind: entry.kind,
      verbs: ['get', 'create'],
    })),
  ]);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersionOf(found[0]!), resources };
}

function aggregate(names: readonly string[]): object {
  const items = names.map((group) => ({
    metadata: { name: group, creationTimestamp: null },
    versions: versionsOf(group).map((version) => ({
      version,
      freshness: 'Current',
      resources: RESOURCES.filter((entry) => entry.group === group && entry.version === version).map(
        (entry) => ({
          resource: entry.plural,
          responseKind: { group, version, kind: entry.kind },
          scope: entry.namespaced ? 'Namespaced' : 'Cluster',
          singularResource: entry.singular,
          shortNames: entry.shortNames,
          verbs: VERBS,
          subresources: entry.subresources.map((name) => ({
            subresource: name,
            verbs: ['get', 'create'],
            responseKind: { group, version, kind: entry.kind },
          })),
        }),
      ),
    })),
  }));
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items };
}
