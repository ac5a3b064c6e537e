import type { Context } from './flux.js';
import type { NameIndex } from './name-index.js';
import { get, isMap, isScalar, itemsAt, textAt } from './node.js';
import type { Resource } from './resource.js';
import type { Found, Scope } from './substitute.js';
import { readText } from './substitute.js';

/** Variables that nothing gives. */
export const NO_SCOPE: Scope = { active: false, find: () => ({ kind: 'missing' }) };

/** What a Flux Kustomization's `postBuild` gives to the objects that it applies. */
export function postBuildScope(flux: Resource, parent: Context | undefined, configs: NameIndex): Scope {
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
  configs: NameIndex,
): Found {
  let unknown: string | undefined;
  for (const ref of [...refs].reverse()) {
    const item = configs.find(ref.kind, ref.name, flux.namespace);
    if (!item) {
      unknown ??= `\${${name}} may come from ${ref.kind} ${ref.name}, which is not in this tree`;
      continue;
    }
    const { node: root, file, partial, doubts } = item.resource;
    if (doubts[0] !== undefined) {
      unknown ??= `\${${name}}: ${doubts[0]}`;
      continue;
    }
    const secret = ref.kind === 'Secret';
    const plain = get(root, secret ? 'stringData' : 'data', name);
    const node = plain ?? (secret ? get(root, 'data', name) : undefined);
    if (!isScalar(node)) {
      // SOPS leaves keys readable: a key that is not there is not there.
      if (partial) unknown ??= `\${${name}}: ${partial}`;
      continue;
    }
    if (unknown) return { kind: 'unknown', reason: unknown };
    if (node.text.startsWith('ENC['))
      return { kind: 'unknown', reason: `\${${name}} is encrypted in ${file} (SOPS)` };
    if (!plain) return { kind: 'unknown', reason: `\${${name}} stands in base64 in ${file}` };
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
