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
