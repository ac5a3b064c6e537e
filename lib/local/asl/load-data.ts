import { MAX_NAME_LENGTH } from './limits.js';
import { type Fields, join, type Problems } from './problems.js';

/** Output and Assign of a state, a choice rule or a catcher. */
export function loadData(owner: Fields, path: string, problems: Problems, states: readonly string[]): void {
  problems.template(owner.Output, join(path, 'Output'), states);
  if (owner.Assign === undefined) return;
  const assign = problems.object(owner.Assign, join(path, 'Assign'));
  for (const [name, value] of Object.entries(assign ?? {})) {
    const at = join(path, `Assign/${name}`);
    const legal = /^[\p{ID_Start}][\p{ID_Continue}]*$/u.test(name) && name.length <= MAX_NAME_LENGTH;
    if (!legal || name === 'states') problems.add(at, 'is not a legal name of a variable');
    problems.template(value, at, states);
  }
}
