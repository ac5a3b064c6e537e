import type { Node } from './node.js';
import type { Resource } from './resource.js';

/** What one folder, or one kustomization file, delivers. */
export interface Built extends Findings {
  readonly resources: readonly Resource[];
}

export interface Findings {
  /** What is not in this tree, and so may hide something; one line each. */
  readonly notes: readonly string[];
  /** Faults for which Flux would apply nothing of it, or that are refused on principle: all of it is in doubt. */
  readonly refused: readonly string[];
  /** References to other places that carry a version in their text: URLs and folders in `resources`. */
  readonly references: readonly Reference[];
}

export interface Reference {
  readonly node: Node;
  readonly text: string;
  readonly file: string;
}

/** Collects the findings of what was read on the way, each once: folders may be named again and again. */
export class Collected {
  readonly notes = new Set<string>();
  readonly refused = new Set<string>();
  private readonly references = new Map<Node, Reference>();

  /** Takes them over and hands the resources back. */
  take(built: Built): readonly Resource[] {
    for (const note of built.notes) this.notes.add(note);
    for (const why of built.refused) this.refused.add(why);
    for (const reference of built.references) this.references.set(reference.node, reference);
    return built.resources;
  }

  with(resources: readonly Resource[]): Built {
    const { notes, refused, references } = this;
    return { resources, notes: [...notes], refused: [...refused], references: [...references.values()] };
  }
}

export const NOTHING: Built = { resources: [], notes: [], refused: [], references: [] };
