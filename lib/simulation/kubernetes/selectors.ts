import type { KubeObject } from '../../ports/cluster-access.js';
import { ApiError } from './reply.js';
import type { Route } from './route.js';

export type Matches = (object: KubeObject) => boolean;

/** Namespace, labelSelector and fieldSelector of a request as one question; `undefined`: everything fits. */
export function selectorOf({ namespace, name }: Route, query: URLSearchParams): Matches | undefined {
  const tests: Matches[] = [];
  if (namespace !== undefined) tests.push((object) => object.metadata.namespace === namespace);
  if (name !== undefined) tests.push((object) => object.metadata.name === name);
  for (const term of termsOf(query.get('labelSelector'))) tests.push(labelTest(term));
  for (const term of termsOf(query.get('fieldSelector'))) tests.push(fieldTest(term));
  return tests.length === 0 ? undefined : (object) => tests.every((test) => test(object));
}

/** Parts between the commas that are not in parentheses. */
function termsOf(text: string | null): string[] {
  if (!text) return [];
  return text
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== '');
}

function labelTest(term: string): Matches {
  const label = (object: KubeObject, key: string) => object.metadata.labels?.[key];
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(term);
  if (set !== null) {
    const values = set[3]!.split(',').map((value) => value.trim());
    const wanted = set[2] === 'in';
    return (object) => values.includes(label(object, set[1]!) ?? '\0') === wanted;
  }
  const equal = /^([^!=\s]+)\s*(==?|!=)\s*(\S*)$/.exec(term);
  if (equal !== null) return (object) => (label(object, equal[1]!) === equal[3]) === (equal[2] !== '!=');
  const exists = /^(!?)\s*([\w./-]+)$/.exec(term);
  if (exists === null) throw new ApiError(400, 'BadRequest', `unable to parse requirement: ${term}`);
  return (object) => (label(object, exists[2]!) !== undefined) === (exists[1] === '');
}

function fieldTest(term: string): Matches {
  const match = /^([\w.]+)\s*(==?|!=)\s*(.*)$/.exec(term);
  const fields: Readonly<Record<string, (object: KubeObject) => unknown>> = {
    'metadata.name': (object) => object.metadata.name,
    'metadata.namespace': (object) => object.metadata.namespace,
    'status.phase': (object) => object.status?.phase,
    'spec.nodeName': (object) => object.spec?.nodeName,
    'involvedObject.name': (object) => object.involvedObject?.name,
    'involvedObject.namespace': (object) => object.involvedObject?.namespace,
    'involvedObject.kind': (object) => object.involvedObject?.kind,
    'involvedObject.uid': (object) => object.involvedObject?.uid,
  };
  const field = fields[match?.[1] ?? ''];
  if (match === null || field === undefined) {
    throw new ApiError(400, 'BadRequest', `field label not supported: ${match?.[1] ?? term}`);
  }
  return (object) => (field(object) === match[3]) === (match[2] !== '!=');
}
