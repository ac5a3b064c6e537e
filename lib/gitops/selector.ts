import type { Node } from './node.js';
import { get, textAt } from './node.js';
import { groupOf, type Resource } from './resource.js';

/**
 * kustomize's selector: fields are anchored regular expressions, names match any name it ever had, labels and
 * annotations are matched as Kubernetes does. `undefined`: a part of it cannot be read here.
 */
export function matchesSelector(resource: Resource, target: Node): boolean | undefined {
  const name = textAt(target, 'name');
  const namespace = textAt(target, 'namespace');
  return every(
    () => anchored(textAt(target, 'group'), groupOf(resource.apiVersion)),
    () => anchored(textAt(target, 'version'), resource.apiVersion.replace(/^.*\//, '')),
    () => anchored(textAt(target, 'kind'), resource.kind),
    () =>
      some(
        resource.ids.map((id) =>
          every(
            () => anchored(name, id.name),
            () => anchored(namespace, id.namespace ?? ''),
          ),
        ),
      ),
    () => selects(textAt(target, 'labelSelector'), get(resource.node, 'metadata', 'labels')),
    () => selects(textAt(target, 'annotationSelector'), get(resource.node, 'metadata', 'annotations')),
  );
}

type Answer = boolean | undefined;

function every(...questions: readonly (() => Answer)[]): Answer {
  let unknown = false;
  for (const ask of questions) {
    const answer = ask();
    if (answer === false) return false;
    if (answer === undefined) unknown = true;
  }
  return unknown ? undefined : true;
}

function some(answers: readonly Answer[]): Answer {
  if (answers.includes(true)) return true;
  return answers.includes(undefined) ? undefined : false;
}

function anchored(pattern: string | undefined, text: string): Answer {
  if (pattern === undefined || pattern === '' || pattern === text) return true;
  // A pattern with nested repetition could take exponential time; names never need one.
  if (pattern.length > 200 || /[+*}]\)[+*{]/.test(pattern)) return undefined;
  try {
    return new RegExp(`^(?:${pattern})$`).test(text);
  } catch {
    return undefined;
  }
}

const KEY = '[\\w./-]+';
const REQUIREMENT = new RegExp(
  `^\\s*(?:(!)\\s*(${KEY})|(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)|(${KEY})\\s*(?:(!=|==?)\\s*([\\w.-]*))?)\\s*$`,
);

/** `a=b`, `a!=b`, `a`, `!a`, `a in (b, c)`, `a notin (b, c)`; what is not there is not equal to anything. */
function selects(selector: string | undefined, labels: Node | undefined): Answer {
  if (selector === undefined || selector.trim() === '') return true;
  const parts = selector.split(/,(?![^(]*\))/).map((part) => REQUIREMENT.exec(part));
  return every(
    ...parts.map((match) => () => {
      if (!match) return undefined;
      const [, not, absent, setKey, how, list, key, operator, wanted] = match;
      const value = textAt(labels, absent ?? setKey ?? key ?? '');
      if (not) return value === undefined;
      if (how) {
        const among = value !== undefined && list!.split(',').some((one) => one.trim() === value);
        return (how === 'in') === among;
      }
      if (operator === undefined) return value !== undefined;
      return (operator === '!=') !== (value === wanted);
    }),
  );
}
