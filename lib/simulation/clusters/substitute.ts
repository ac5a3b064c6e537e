import type { Manifest } from './manifests.js';
import { isObject } from './patch.js';

const VARIABLE = /\$\$\{([^}]*)\}|\$\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-=])([^}]*)|[^}]*)?\}/g;

/**
 * Flux's post-build substitution: `${X}`, `${X:-default}`, `${X:=default}`, `$${X}` for a literal `${X}`; an
 * unknown variable is the empty text. Nothing at all happens without variables.
 */
export function substitute(manifest: Manifest, variables: ReadonlyMap<string, string>): Manifest {
  if (variables.size === 0 || isDisabled(manifest)) return manifest;
  return walk(manifest, variables, []) as Manifest;
}

export function substituteText(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(
    VARIABLE,
    (_all, escaped?: string, name?: string, operator?: string, fallback?: string) => {
      if (escaped !== undefined) return `\${${escaped}}`;
      const value = variables.get(name!);
      if (value === undefined || (value === '' && operator?.startsWith(':'))) {
        return operator === undefined ? (value ?? '') : substituteText(fallback ?? '', variables);
      }
      return value;
    },
  );
}

function isDisabled({ metadata }: Manifest): boolean {
  const key = 'kustomize.toolkit.fluxcd.io/substitute';
  return metadata.labels?.[key] === 'disabled' || metadata.annotations?.[key] === 'disabled';
}

function walk(value: unknown, variables: ReadonlyMap<string, string>, path: readonly string[]): unknown {
  if (typeof value === 'string') {
    if (!value.includes('${')) return value;
    return typed(substituteText(value, variables), path);
  }
  if (Array.isArray(value)) return value.map((entry) => walk(entry, variables, path));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [
      key.includes('${') ? substituteText(key, variables) : key,
      walk(entry, variables, [...path, key]),
    ]),
  );
}

/** Flux substitutes in text, so that a number or a boolean is one afterwards; where the schema wants text it stays. */
function typed(text: string, path: readonly string[]): unknown {
  if (!/^(true|false|\d{1,9})$/.test(text)) return text;
  const wantsText = [
    'metadata',
    'data',
    'stringData',
    'substitute',
    'version',
    'tag',
    'semver',
    'labels',
    'annotations',
  ];
  return path.some((key) => wantsText.includes(key)) ? text : JSON.parse(text);
}
