import { files, fluxKustomization } from './gitops-trees.js';

const RELEASES = { 'istio-base': 'base', istiod: 'istiod', 'istio-cni': 'cni' } as const;
const NAMES = Object.keys(RELEASES) as (keyof typeof RELEASES)[];

/** Three releases below one to three layers of kustomizations with everything that may change them. */
export interface Scene {
  readonly tree: Map<string, string>;
  /** The folder that the cluster `a` applies. */
  readonly top: string;
}

/** The same seed gives the same scene. */
export function sceneOf(seed: number): Scene {
  return new SceneMaker(seed).make();
}

class SceneMaker {
  private readonly tree = files({});
  private state: number;

  constructor(seed: number) {
    this.state = (seed * 2_654_435_761) >>> 0;
  }

  make(): Scene {
    for (const name of NAMES) this.tree.set(`l0/${name}.yaml`, this.release(name));
    this.tree.set(
      'l0/kustomization.yaml',
      `resources: [${NAMES.map((name) => `${name}.yaml`).join(', ')}]\n`,
    );
    const layers = 1 + this.below(3);
    for (let layer = 1; layer <= layers; layer++) this.layer(layer);
    const top = `l${layers}`;
    this.tree.set('clusters/a/istio.yaml', fluxKustomization('istio', top));
    return { tree: this.tree, top };
  }

  /** xorshift: good enough to vary trees. */
  private below(limit: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    this.state >>>= 0;
    return this.state % limit;
  }

  private chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  private version(): string {
    return `1.${20 + this.below(15)}.${this.below(9)}`;
  }

  private release(name: keyof typeof RELEASES): string {
    const more = this.pick(['', '  labels: {tier: mesh}\n', '  annotations: {own: "yes"}\n']);
    return `apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: ${name}\n  namespace: mesh\n${more}spec:\n  chart:\n    spec:\n      chart: ${RELEASES[name]}\n      version: ${this.version()}\n      sourceRef:\n        kind: HelmRepository\n        name: istio\n`;
  }

  private layer(layer: number): void {
    const dir = `l${layer}`;
    let text = `resources:\n- ../l${layer - 1}\n`;
    if (this.chance(15)) text += `namespace: ${this.pick(['mesh', 'other'])}\n`;
    if (this.chance(30)) text += `namePrefix: p${layer}-\n`;
    if (this.chance(20)) text += `nameSuffix: -s${layer}\n`;
    if (this.chance(40))
      text += this.pick([
        `commonLabels: {layer: l${layer}}\n`,
        'labels:\n- pairs: {tier: mesh}\n',
        'commonAnnotations: {own: "yes"}\n',
      ]);
    const patches = Array.from({ length: this.below(3) }, (_, index) => this.patch(dir, index));
    if (patches.length > 0) text += `patches:\n${patches.join('')}`;
    if (this.chance(20)) text += `patchesStrategicMerge:\n- |-\n${indented(this.merge(this.pick(NAMES)), 2)}`;
    if (this.chance(20))
      text += `patchesJson6902:\n- target: {group: helm.toolkit.fluxcd.io, version: v2, kind: HelmRelease, name: ${this.pick(NAMES)}}\n  patch: |-\n${indented(this.operation(), 4)}`;
    if (this.chance(30)) {
      text += `components:\n- ../c${layer}\n`;
      this.tree.set(
        `c${layer}/kustomization.yaml`,
        `apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n${this.chance(30) ? `namePrefix: c${layer}-\n` : ''}patches:\n${this.patch(`c${layer}`, 0)}`,
      );
    }
    this.tree.set(`${dir}/kustomization.yaml`, text);
  }

  private merge(name: string): string {
    return `apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: ${name}\n  namespace: mesh\nspec:\n  chart:\n    spec:\n      version: ${this.version()}\n`;
  }

  private operation(): string {
    return this.pick([
      `- op: replace\n  path: /spec/chart/spec/version\n  value: ${this.version()} # here\n`,
      `- op: add\n  path: /spec/chart/spec/version\n  value: "${this.version()}"\n`,
      `- {op: replace, path: /spec/chart/spec/version, value: '${this.version()}'}\n`,
    ]);
  }

  private target(name: string): string {
    return this.pick([
      `{kind: HelmRelease, name: ${name}}`,
      '{kind: HelmRelease}',
      `{kind: HelmRelease, name: "${name.slice(0, 2)}.*"}`,
      `{kind: HelmRelease, name: ".*${name.slice(-2)}"}`,
      `{name: "${name}|nothing"}`,
      '{kind: HelmRelease, namespace: mesh}',
      '{kind: HelmRelease, labelSelector: "tier=mesh"}',
      '{kind: HelmRelease, labelSelector: "tier!=mesh"}',
      '{kind: HelmRelease, labelSelector: "tier in (mesh, other)"}',
      '{kind: HelmRelease, labelSelector: "layer, tier notin (x)"}',
      '{kind: HelmRelease, labelSelector: "!layer"}',
      '{kind: HelmRelease, annotationSelector: "own=yes"}',
    ]);
  }

  private patch(dir: string, index: number): string {
    const name = this.pick(NAMES);
    const what = this.below(7);
    if (what < 2) return `- patch: |-\n${indented(this.merge(name), 4)}`;
    if (what === 2) {
      this.tree.set(`${dir}/p${index}.yaml`, `${this.merge(name)}---\n${this.merge(this.pick(NAMES))}`);
      return `- path: p${index}.yaml\n`;
    }
    const target = `- target: ${this.target(name)}\n`;
    if (what === 3) {
      this.tree.set(`${dir}/j${index}.yaml`, this.operation());
      return `${target}  path: j${index}.yaml\n`;
    }
    if (what === 4) {
      const renamed = this.merge(name).replace(`name: ${name}`, `name: ${name}-new`);
      return `${target}  options: {allowNameChange: ${this.chance(50)}}\n  patch: |-\n${indented(renamed, 4)}`;
    }
    return `${target}  patch: |-\n${indented(this.operation(), 4)}`;
  }
}

function indented(text: string, spaces: number): string {
  return text.replace(/^(?=.)/gm, ' '.repeat(spaces));
}
