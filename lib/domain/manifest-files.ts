/**
 * The files of a Git tree that can decide a version or lead to one: manifests, kustomizations, and what their
 * generators read. Everything else (charts, scripts, pictures) is never read.
 */
export function isManifestFile(path: string): boolean {
  return /\.(?:ya?ml|json|env|properties)$|(?:^|\/)Kustomization$/i.test(path);
}
