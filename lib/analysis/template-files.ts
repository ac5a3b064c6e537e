import { parseAllDocuments } from 'yaml';
import { messageOf } from '../domain/errors.js';

/** Path inside the folder, with slashes, and text. */
export interface TemplateFile {
  readonly path: string;
  readonly text: string;
}

export interface Manifest {
  readonly path: string;
  readonly raw: Record<string, unknown>;
}

export const KINDS = ['AnalysisTemplate', 'ClusterAnalysisTemplate'];

export type Report = (path: string, message: string) => void;

/** The documents of a text; one that cannot be read, as with an alias of nothing, is reported and left out. */
export function documentsOf(text: string, report: (message: string) => void): unknown[] {
  const documents: unknown[] = [];
  for (const document of parseAllDocuments(text)) {
    try {
      if (document.errors[0]) throw document.errors[0];
      documents.push(document.toJS());
    } catch (error) {
      report(`not YAML: ${messageOf(error).split('\n')[0]}`);
    }
  }
  return documents;
}
