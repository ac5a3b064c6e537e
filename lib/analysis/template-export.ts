import { stringify } from 'yaml';
import type { AnalysisTemplate } from './template-schema.js';

export interface ExportOptions {
  /** Where the folder will be committed, for the Argo CD Application. */
  readonly repoUrl: string;
  readonly path: string;
  readonly revision: string;
  /** Namespace of Argo CD. */
  readonly namespace: string;
}

/**
 * The templates as cluster-scoped manifests with a kustomization, and an Argo CD Application that applies them;
 * so one policy gates GUARD's waves and Argo Rollouts. By file name; `application.yaml` is not part of the
 * kustomization: it is what points at it.
 */
export function exportTemplates(
  templates: readonly AnalysisTemplate[],
  options: ExportOptions,
): Map<string, string> {
  const files = new Map<string, string>();
  for (const template of templates) {
    const { namespace: _, ...metadata } = template.metadata;
    const manifest = {
      ...template,
      kind: 'ClusterAnalysisTemplate',
      metadata,
      spec: withoutEmpty(template.spec),
    };
    files.set(`${template.metadata.name}.yaml`, stringify(manifest, { lineWidth: 110 }));
  }
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [...files.keys()].sort(),
  };
  files.set('kustomization.yaml', stringify(kustomization));
  files.set('application.yaml', stringify(application(options), { lineWidth: 110 }));
  return files;
}

/** Every template reference becomes cluster-scoped, as the templates do. */
function withoutEmpty(spec: AnalysisTemplate['spec']): Record<string, unknown> {
  const scoped = { ...spec, templates: spec.templates.map((one) => ({ ...one, clusterScope: true })) };
  return Object.fromEntries(Object.entries(scoped).filter(([, list]) => list.length > 0));
}

function application({ repoUrl, path, revision, namespace }: ExportOptions): object {
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Application',
    metadata: { name: 'guard-analysis-templates', namespace },
    spec: {
      project: 'default',
      source: { repoURL: repoUrl, targetRevision: revision, path },
      destination: { server: 'https://kubernetes.default.svc' },
      syncPolicy: { automated: { prune: true, selfHeal: true } },
    },
  };
}
