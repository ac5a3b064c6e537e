import type { Context, Item } from './flux.js';
import { get, isMap, isScalar, itemsAt, textAt } from './node.js';
import type { Resource } from './resource.js';
import type { Found, Scope } from './substitute.js';
import { readText } from './substitute.js';

/** Variables that nothing gives. */
export const NO_SCOPE: Scope = { active: false, find: () => ({ kind: 'missing' }) };

/** ConfigMaps and Secrets of a Flux root by kind, namespace and name; by name alone where that is all there is. */
export class ConfigIndex {
  private readonly items = new Map<string, Item>();

  add(item: Item): void {
    const { kind, name, namespace } = item.resource;
    this.items.set(`${kind}/${namespace ?? ''}/${name}`, item);
    this.items.set(`${kind}//${name}`, item);
  }

  find(kind: string, name: string, namespace: string | undefined): Item | undefined {
    return this.items.get(`${kind}/${namespace ?? ''}/${name}`) ?? this.items.get(`${kind}//${name}`);
  }
}

/** What a Flux Kustomization's `postBuild` gives to the objects that it applies. */
export function postBuildScope(flux: Resource, parent: Context | undefined, configs: ConfigIndex): Scope {
  const postBuild = get(flux.node, 'spec', 'postBuild');
  const inline = get(postBuild, 'substitute');
  const from = itemsAt(postBuild, 'substituteFrom');
  const outer = parent ? scopeFor(flux, parent) : undefined;
  const active = from.length > 0 || (isMap(inline) && inline.entries.size > 0);
  return {
    active,
    find: (name): Found => {
      const node = get(inline, name);
      if (isScalar(node)) return { kind: 'value', node, scope: outer };
      const refs = from.map((ref) => ({
        kind: textAt(ref, 'kind') ?? 'ConfigMap',
        name: readText(get(ref, 'name'), outer).text,
      }));
      return findIn(flux, refs, name, configs);
    },
  };
}

/** Later references win; one that is not in the tree may hold the variable, so it makes it unknown. */
function findIn(
  flux: Resource,
  refs: readonly { kind: string; name: string }[],
  name: string,
  configs: ConfigIndex,
): Found {
  let unknown: string | undefined;
  for (const ref of [...refs].reverse()) {
    const item = configs.find(ref.kind, ref.name, flux.namespace);
    if (!item || ref.kind === 'Secret') {
      const encrypted = item && get(item.resource.node, 'sops') ? ', encrypted with SOPS' : '';
      const where = item ? `${item.resource.file}${encrypted}` : 'not in this tree';
      unknown ??= `\${${name}} may come from ${ref.kind} ${ref.name} (${where})`;
      continue;
    }
    const node = get(item.resource.node, 'data', name);
    if (!isScalar(node)) {
      if (item.resource.partial) unknown ??= `\${${name}}: ${item.resource.partial}`;
      continue;
    }
    if (unknown) return { kind: 'unknown', reason: unknown };
    if (node.text.startsWith('ENC['))
      return { kind: 'unknown', reason: `\${${name}} is encrypted in ${item.resource.file} (SOPS)` };
    return { kind: 'value', node, scope: scopeFor(item.resource, item.context) };
  }
  return unknown ? { kind: 'unknown', reason: unknown } : { kind: 'missing' };
}

/** Substitution is switched off for one object by a label or an annotation. */
export function scopeFor(resource: Resource, context: Context): Scope | undefined {
  const key = 'kustomize.toolkit.fluxcd.io/substitute';
  const metadata = get(resource.node, 'metadata');
  const off = [get(metadata, 'annotations'), get(metadata, 'labels')].some(
    (one) => textAt(one, key) === 'disabled',
  );
  return off ? undefined : context.scope;
}
