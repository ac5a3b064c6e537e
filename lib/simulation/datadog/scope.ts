/** Tags of one cluster, by key; every value in lower case. */
export type Tags = ReadonlyMap<string, readonly string[]>;

/** A cluster is in the scope of a query. */
export type Scope = (tags: Tags) => boolean;

/**
 * The text between a query's braces: terms with commas, AND, OR, NOT, `!`, IN and parentheses. A tag that no cluster
 * has (`kube_container_name:istio-proxy`) says nothing about clusters and fits.
 *
 * @throws Error "Query parsing error"
 */
export function parseScope(text: string): Scope {
  const tokens = text.match(/\(|\)|,|!|[^\s,()!]+/g) ?? [];
  let at = 0;
  const peek = () => tokens[at]?.toUpperCase();
  const fail = (): never => {
    throw new Error(`Rule 'scope_expr' didn't match at '${tokens[at] ?? 'end'}' in {${text}}`);
  };

  function either(): Scope {
    const parts = [all()];
    while (peek() === 'OR') {
      at += 1;
      parts.push(all());
    }
    return (tags) => parts.some((part) => part(tags));
  }

  function all(): Scope {
    const parts = [one()];
    while (peek() === 'AND' || peek() === ',') {
      at += 1;
      parts.push(one());
    }
    return (tags) => parts.every((part) => part(tags));
  }

  function one(): Scope {
    if (peek() === 'NOT' || peek() === '!') {
      at += 1;
      const inner = one();
      return (tags) => !inner(tags);
    }
    if (peek() === '(') {
      at += 1;
      const inner = either();
      if (peek() !== ')') fail();
      at += 1;
      return inner;
    }
    const token = tokens[at] ?? fail();
    if ([')', ',', 'AND', 'OR', 'IN'].includes(token.toUpperCase())) fail();
    at += 1;
    if (token === '*') return () => true;
    const negated = peek() === 'NOT' && tokens[at + 1]?.toUpperCase() === 'IN';
    if (negated) at += 1;
    if (peek() === 'IN') return listed(token, negated);
    const [key = '', ...rest] = token.split(':');
    return rest.length === 0 ? () => true : term(key, [rest.join(':')]);
  }

  function listed(key: string, negated: boolean): Scope {
    at += 1;
    if (peek() !== '(') fail();
    at += 1;
    const values: string[] = [];
    while (peek() !== ')') {
      if (tokens[at] === undefined) fail();
      if (tokens[at] !== ',') values.push(tokens[at]!);
      at += 1;
    }
    at += 1;
    const inside = term(key, values);
    return negated ? (tags) => !inside(tags) : inside;
  }

  if (tokens.length === 0) return () => true;
  const scope = either();
  if (at < tokens.length) fail();
  return scope;
}

function term(key: string, values: readonly string[]): Scope {
  const patterns = values.map(
    (value) =>
      new RegExp(
        `^${value
          .toLowerCase()
          .replace(/[.+^${}()|[\]\\?]/g, '\\$&')
          .replaceAll('*', '.*')}$`,
      ),
  );
  return (tags) => {
    const own = tags.get(key.toLowerCase());
    return own === undefined || own.some((value) => patterns.some((pattern) => pattern.test(value)));
  };
}
