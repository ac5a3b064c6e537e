import { type CheckResult, checkResult } from '../../../domain/evidence.js';
import type { KubeObject } from '../../../ports/cluster-access.js';
import { type Lists, over, some } from '../../kubernetes/collect.js';
import { type LabelSelector, selects } from '../../kubernetes/selector.js';
import { isIstiod, isRenderedByIstiod, isZtunnel } from '../mesh.js';
import { meshWorkloads } from '../workloads.js';

interface Injector {
  /** What `istio.io/rev` of a namespace or pod may be, when it is a tag. */
  readonly tag: string | undefined;
  readonly revision: string | undefined;
  readonly namespaces: LabelSelector | undefined;
  readonly pods: LabelSelector | undefined;
}

type RevisionLists = Pick<
  Lists,
  'pods' | 'namespaces' | 'deployments' | 'statefulSets' | 'daemonSets' | 'mutatingWebhooks'
>;

/**
 * Every workload that has a sidecar would get one again at its restart: a mutating webhook selects its pods, be it by
 * `istio-injection`, by a revision or by a tag, and the revision behind it has an istiod. A label that leads to
 * nothing is not noticed until pods come back without a proxy (external-apis.md E6).
 */
export function revisionsServed(lists: RevisionLists): CheckResult {
  const check = 'revisions';
  const names = [
    'pods',
    'namespaces',
    'deployments',
    'statefulSets',
    'daemonSets',
    'mutatingWebhooks',
  ] as const;
  return over(check, lists, names, ({ namespaces, deployments, mutatingWebhooks }) => {
    const injectors = mutatingWebhooks.flatMap(injectorsOf);
    const served = new Set(deployments.filter(isIstiod).map(revisionOf));
    const labels = new Map(namespaces.map(({ metadata }) => [metadata.name, metadata.labels ?? {}]));
    const used = new Set<string>();
    const lost: string[] = [];
    const dangling: string[] = [];
    // The wanted version does not matter here.
    for (const { object, key, livePods, leftAlone } of meshWorkloads(lists, '')) {
      if (livePods === 0 || leftAlone || isRenderedByIstiod(object) || isZtunnel(object)) continue;
      const inside = labels.get(object.metadata.namespace ?? '') ?? {};
      const own = object.spec?.template?.metadata?.labels ?? {};
      const found = injectors.find(
        ({ namespaces: those, pods }) => selects(those, inside) && selects(pods, own),
      );
      if (!found) {
        lost.push(`${key} (${askedOf(inside, own)})`);
        continue;
      }
      const revision = found.revision ?? 'default';
      used.add(found.tag ? `${found.tag} → ${revision}` : revision);
      if (!served.has(revision))
        dangling.push(`${key}: ${found.tag ? `tag ${found.tag} leads to ` : ''}revision ${revision}`);
    }
    if (lost.length > 0)
      return checkResult(
        check,
        'failed',
        `no injection webhook selects ${some(lost)}: ${lost.length === 1 ? 'its pods' : 'their pods'} would lose the proxy at a restart`,
        [{ label: 'not selected by a webhook', value: lost.length, limit: 0 }],
      );
    if (dangling.length > 0)
      return checkResult(check, 'failed', `no istiod serves ${some(dangling)}`, [
        { label: 'served by no istiod', value: dangling.length, limit: 0 },
      ]);
    return checkResult(
      check,
      'passed',
      `every workload of the mesh is injected by: ${some([...used].sort(), 6) || 'none'}`,
    );
  });
}

function injectorsOf({ metadata, webhooks = [] }: KubeObject): Injector[] {
  const { 'istio.io/rev': revision, 'istio.io/tag': tag, app } = metadata.labels ?? {};
  if (revision === undefined && app !== 'sidecar-injector' && !metadata.name.startsWith('istio')) return [];
  type Hook = {
    namespaceSelector?: LabelSelector;
    objectSelector?: LabelSelector;
    rules?: readonly { resources?: readonly string[] }[];
  };
  return (webhooks as Hook[])
    .filter(
      ({ rules }) => rules === undefined || rules.some(({ resources = [] }) => resources.includes('pods')),
    )
    .map(({ namespaceSelector, objectSelector }) => ({
      tag,
      revision,
      namespaces: namespaceSelector,
      pods: objectSelector,
    }));
}

/** Of an istiod Deployment; the chart leaves no label out, older ones of the default revision may. */
function revisionOf({ metadata, spec }: KubeObject): string {
  return metadata.labels?.['istio.io/rev'] ?? spec?.template?.metadata?.labels?.['istio.io/rev'] ?? 'default';
}

function askedOf(namespace: Readonly<Record<string, string>>, pod: Readonly<Record<string, string>>): string {
  const revision = pod['istio.io/rev'] ?? namespace['istio.io/rev'];
  if (namespace['istio-injection'] !== undefined) return `istio-injection=${namespace['istio-injection']}`;
  return revision === undefined ? 'neither istio-injection nor istio.io/rev' : `istio.io/rev=${revision}`;
}
