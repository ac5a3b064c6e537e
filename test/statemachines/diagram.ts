interface State {
  Type: string;
  Next?: string;
  Default?: string;
  Choices?: { Next: string; Condition: string }[];
  Catch?: { Next: string; ErrorEquals: string[] }[];
  ItemProcessor?: Machine;
  Branches?: Machine[];
}
interface Machine {
  StartAt: string;
  States: Record<string, State>;
}

/** Mermaid of a machine: tasks as boxes, choices as diamonds, what is mapped or in parallel as a group. */
export function diagram(machine: Machine): string {
  const ids = new Map<string, string>();
  const lines: string[] = ['flowchart TD'];
  const id = (name: string): string => {
    if (!ids.has(name)) ids.set(name, `s${ids.size}`);
    return ids.get(name)!;
  };
  const walk = (part: Machine, indent: string): void => {
    for (const [name, state] of Object.entries(part.States)) {
      const inner = [...(state.ItemProcessor ? [state.ItemProcessor] : []), ...(state.Branches ?? [])];
      if (inner.length > 0) {
        lines.push(`${indent}subgraph ${id(name)}["${name} (${state.Type})"]`);
        for (const one of inner) walk(one, `${indent}  `);
        lines.push(`${indent}end`);
      } else lines.push(`${indent}${id(name)}${shape(state.Type, name)}`);
    }
    for (const [name, state] of Object.entries(part.States)) {
      if (state.Next) lines.push(`${indent}${id(name)} --> ${id(state.Next)}`);
      for (const choice of state.Choices ?? [])
        lines.push(`${indent}${id(name)} -- "${label(choice.Condition)}" --> ${id(choice.Next)}`);
      if (state.Default) lines.push(`${indent}${id(name)} -- else --> ${id(state.Default)}`);
      for (const rule of state.Catch ?? [])
        lines.push(`${indent}${id(name)} -. "${rule.ErrorEquals.join(', ')}" .-> ${id(rule.Next)}`);
    }
  };
  walk(machine, '  ');
  return lines.join('\n');
}

function shape(type: string, name: string): string {
  if (type === 'Choice') return `{"${name}"}`;
  if (type === 'Wait') return `(["${name}"])`;
  if (type === 'Succeed') return `((("${name}")))`;
  return `["${name}"]`;
}

/** What `next` must be, and the direction where it matters. */
function label(condition: string): string {
  const next = /next = "([^"]+)"/.exec(condition)?.[1] ?? '';
  const direction = /direction = "([^"]+)"/.exec(condition)?.[1];
  return direction ? `${next}, ${direction}` : next;
}
