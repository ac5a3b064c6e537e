/** The three kinds of patch that a Kubernetes API server and kustomize know. None changes its input. */
export type Json = unknown;
type Fields = Record<string, Json>;

/** RFC 7386. */
export function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result: Fields = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** Lists of objects that are merged by a key; every other list is replaced. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  ports: 'containerPort',
  imagePullSecrets: 'name',
  conditions: 'type',
  ownerReferences: 'uid',
  hostAliases: 'ip',
  webhooks: 'name',
  secrets: 'name',
};

/** Kubernetes' strategic merge, with `$patch: delete | replace`. `undefined`: the object is deleted. */
export function strategicMerge(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  if (patch.$patch === 'delete') return undefined;
  const { $patch: directive, ...fields } = patch;
  const result: Fields = isObject(target) && directive !== 'replace' ? { ...target } : {};
  for (const [key, value] of Object.entries(fields)) {
    if (key.startsWith('$')) continue;
    const mergeKey = MERGE_KEYS[key];
    if (value === null) delete result[key];
    else if (Array.isArray(value) && mergeKey !== undefined && value.every(isObject)) {
      result[key] = mergeList(Array.isArray(result[key]) ? result[key] : [], value, mergeKey);
    } else {
      const merged = strategicMerge(result[key], value);
      if (merged === undefined) delete result[key];
      else result[key] = merged;
    }
  }
  return result;
}

function mergeList(target: readonly Json[], patch: readonly Fields[], mergeKey: string): Json[] {
  if (patch.some((entry) => entry.$patch === 'replace')) {
    return patch.filter((entry) => entry.$patch === undefined);
  }
  const result = [...target];
  for (const entry of patch) {
    const index = result.findIndex((old) => isObject(old) && old[mergeKey] === entry[mergeKey]);
    const merged = strategicMerge(index < 0 ? {} : result[index], entry);
    if (index < 0) {
      if (merged !== undefined) result.push(merged);
    } else if (merged === undefined) result.splice(index, 1);
    else result[index] = merged;
  }
  return result;
}

export interface PatchOperation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: Json;
}

/** RFC 6902. @throws Error when an operation does not fit. */
export function jsonPatch(target: Json, operations: readonly PatchOperation[]): Json {
  let result = structuredClone(target);
  for (const operation of operations) result = applyOperation(result, operation);
  return result;
}

function applyOperation(root: Json, { op, path, from, value }: PatchOperation): Json {
  switch (op) {
    case 'add':
      return setAt(root, path, structuredClone(value), 'insert');
    case 'replace':
      getAt(root, path);
      return setAt(root, path, structuredClone(value), 'replace');
    case 'remove':
      return removeAt(root, path);
    case 'move':
    case 'copy': {
      const moved = structuredClone(getAt(root, from ?? ''));
      return setAt(op === 'move' ? removeAt(root, from ?? '') : root, path, moved, 'insert');
    }
    case 'test':
      if (JSON.stringify(getAt(root, path)) !== JSON.stringify(value)) {
        throw new Error(`test failed at ${path}`);
      }
      return root;
    default:
      throw new Error(`unknown operation ${op}`);
  }
}

function tokensOf(path: string): string[] {
  if (path === '') return [];
  if (!path.startsWith('/')) throw new Error(`path ${path} does not start with /`);
  return path
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function getAt(root: Json, path: string): Json {
  let current = root;
  for (const token of tokensOf(path)) {
    const next = Array.isArray(current)
      ? current[Number(token)]
      : isObject(current)
        ? current[token]
        : undefined;
    if (next === undefined) throw new Error(`nothing at ${path}`);
    current = next;
  }
  return current;
}

function parentOf(root: Json, path: string): { parent: Json[] | Fields; key: string } {
  const tokens = tokensOf(path);
  const key = tokens.pop()!;
  const parent = getAt(
    root,
    tokens.map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
  );
  if (!Array.isArray(parent) && !isObject(parent)) throw new Error(`nothing to hold ${path}`);
  return { parent, key };
}

function setAt(root: Json, path: string, value: Json, how: 'insert' | 'replace'): Json {
  if (path === '') return value;
  const { parent, key } = parentOf(root, path);
  if (!Array.isArray(parent)) parent[key] = value;
  else if (key === '-') parent.push(value);
  else {
    const index = Number(key);
    if (!Number.isInteger(index) || index < 0 || index > parent.length)
      throw new Error(`no index ${key} at ${path}`);
    parent.splice(index, how === 'replace' ? 1 : 0, value);
  }
  return root;
}

function removeAt(root: Json, path: string): Json {
  getAt(root, path);
  const { parent, key } = parentOf(root, path);
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
  return root;
}

export function isObject(value: Json): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
