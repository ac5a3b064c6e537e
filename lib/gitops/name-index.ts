import type { Item } from './flux.js';

/** Objects of one Flux root by kind, name and namespace. Of two with one identity the later one counts. */
export class NameIndex {
  private readonly items = new Map<string, Item[]>();

  /** `name`: as the cluster reads it, when variables are in it. */
  add(item: Item, name = item.resource.name): void {
    const key = `${item.resource.kind}/${name}`;
    const known = this.items.get(key);
    if (known) known.push(item);
    else this.items.set(key, [item]);
  }

  /** A namespace that is not written, or written with a variable, may be any; a different one is another object. */
  find(kind: string, name: string, namespace: string | undefined): Item | undefined {
    const all = this.items.get(`${kind}/${name}`) ?? [];
    return (
      all.findLast((item) => item.resource.namespace === namespace) ??
      all.findLast(({ resource }) => isOpen(resource.namespace) || isOpen(namespace))
    );
  }
}

function isOpen(namespace: string | undefined): boolean {
  return namespace === undefined || namespace === '' || namespace.includes('$');
}
