import type { KubeObject } from '../../ports/cluster-access.js';
import { hexadecimal } from './random.js';
import { conditionOf } from './status.js';

/** Name and namespace of what Flux is bootstrapped with. */
export const FLUX = 'flux-system';

/** What the source controller says about the repository once it has fetched `revision`. */
export function artifactOf(repository: KubeObject, revision: string, sha: string, now: string): object {
  const path = `gitrepository/${FLUX}/${FLUX}/${sha}.tar.gz`;
  const message = `stored artifact for revision '${revision}'`;
  return {
    artifact: {
      revision,
      digest: `sha256:${hexadecimal(64, sha)}`,
      lastUpdateTime: now,
      path,
      url: `http://source-controller.${FLUX}.svc.cluster.local./${path}`,
    },
    observedGeneration: repository.metadata.generation,
    conditions: [
      conditionOf('Ready', 'True', 'Succeeded', message, now, repository),
      conditionOf('ArtifactInStorage', 'True', 'Succeeded', message, now, repository),
    ],
  };
}

/** The same for charts and OCI artifacts, which are not looked into. */
export function sourceStatus(object: KubeObject, now: string): object {
  const ref = object.spec?.ref ?? {};
  const tag = String(ref.tag ?? ref.semver ?? 'latest');
  const digest = hexadecimal(64, object.kind ?? '', object.spec?.url ?? '', tag);
  const revision = object.kind === 'OCIRepository' ? `${tag}@sha256:${digest}` : `sha256:${digest}`;
  const holds = object.kind !== 'HelmRepository' || !String(object.spec?.url).startsWith('oci:');
  return {
    observedGeneration: object.metadata.generation,
    conditions: [
      conditionOf('Ready', 'True', 'Succeeded', `stored artifact: revision '${revision}'`, now, object),
    ],
    ...(holds && {
      artifact: { revision, digest: `sha256:${digest}`, lastUpdateTime: now, path: '', url: '' },
    }),
  };
}
