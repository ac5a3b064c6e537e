/**
 * How a target shows itself in Git: plain data, written in lib/targets/<name>/gitops.ts. Patterns are sources
 * of regular expressions; keep them anchored and free of nested repetition.
 */
export interface TargetGitops {
  readonly name: string;
  /** In the order in which they must be upgraded. */
  readonly components: readonly TargetComponent[];
  /** Parts of repository or OCI URLs that prove an ambiguous chart name to be this target's. */
  readonly repositories: readonly string[];
  /** Names of a HelmRepository, release or namespace that prove it when no URL can be seen. */
  readonly repositoryNames: readonly string[];
  /** Names of variables that hold the version (single-file evidence; a plan follows the variable itself). */
  readonly variables: readonly string[];
  /** ConfigMaps whose key holds the version. */
  readonly configMaps: readonly { readonly name: string; readonly key: string }[];
  /** Helm values that pin an image tag. Every one that is written in a release is moved. */
  readonly imageTags: readonly ImageTag[];
  /** `always`: image tags are chart versions. `when-equal`: only one that equals the chart's version moves. */
  readonly tags: 'always' | 'when-equal' | 'never';
  /** Custom resources that carry the version themselves. */
  readonly resources: readonly {
    readonly kind: string;
    readonly group: string;
    readonly path: readonly string[];
    readonly plane: Plane;
  }[];
  /** Image names (the part before the tag) that carry the version in plain workloads. */
  readonly images: readonly string[];
  /** CRD URLs and folders; one capture group `version`. */
  readonly crds: readonly string[];
  /** `own`: a token keeps its own `v`. `given`: the new version is written as it was given. */
  readonly spelling: 'own' | 'given';
  /** Below this version, CRDs live in the chart's `crds/` folder and Flux's default does not upgrade them. */
  readonly crdsFolderBelow?: string;
}

/** Which values set the tag of one image. */
export interface ImageTag {
  /** Paths with dots, the one that wins first. */
  readonly paths: readonly string[];
  /** The charts that have the image, so that a value that cannot be seen matters. Absent: all of the target's. */
  readonly charts?: readonly string[];
}

/** All paths in Helm values that pin an image tag. */
export function tagPathsOf(target: TargetGitops): string[] {
  return [...new Set(target.imageTags.flatMap(({ paths }) => paths))];
}

export type Plane = 'crds' | 'control' | 'data';

export interface TargetComponent {
  readonly chart: string;
  readonly plane: Plane;
  /** Other projects use the chart's name too (`base`, `gateway`): the repository must prove it. */
  readonly ambiguous?: boolean;
  /** Its version is the target's version when components differ. */
  readonly primary?: boolean;
}

/**
 * A chart that is upgraded alone: its version is the target's, and there is nothing else that carries it but
 * what is named in `extra`.
 */
export function chartTarget(
  chart: string,
  extra: Pick<TargetGitops, 'variables'> & Partial<TargetGitops>,
): TargetGitops {
  return {
    name: chart,
    components: [{ chart, plane: 'control', primary: true }],
    repositories: [],
    repositoryNames: [],
    configMaps: [{ name: `^${escapePattern(chart)}-version$`, key: '^version$' }],
    imageTags: [{ paths: ['image.tag'] }],
    tags: 'never',
    resources: [],
    images: [],
    crds: [],
    spelling: 'own',
    ...extra,
  };
}

/** `--target helm:CHART`: any HelmRelease by its chart's name. */
export function helmChart(chart: string): TargetGitops {
  const variable = chart.toUpperCase().replace(/[^A-Z0-9]+/g, '_');
  const escaped = escapePattern(chart);
  return chartTarget(chart, {
    name: `helm:${chart}`,
    variables: [
      `^${variable}(?:_OPERATOR)?(?:_HELM)?(?:_CHART)?(?:_VERSION|_TAG)?$`,
      `^${variable.replace(/_/g, '')}(?:_CHART)?_VERSION$`,
    ],
    configMaps: [{ name: `^${escaped}-version$`, key: '^(?:version|chartVersion)$' }],
    tags: 'when-equal',
    crds: [`/${escaped}/(?:releases/download/)?(?<version>v?\\d+\\.\\d+\\.\\d+[^/]*)/`],
    spelling: 'given',
  });
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
