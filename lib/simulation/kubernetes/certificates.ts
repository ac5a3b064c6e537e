import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** PEM texts. */
export interface Certificates {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  /** Certificates for webhooks: one that is valid for decades, and one that has expired. */
  readonly webhook: { readonly valid: string; readonly expired: string };
}

let made: Promise<Certificates> | undefined;

/** Made once in a process; with `dataDir` once at all, so that kubeconfigs outlive a restart. */
export async function certificates(dataDir?: string): Promise<Certificates> {
  if (dataDir === undefined) {
    made ??= make();
    return made;
  }
  const file = join(dataDir, 'kubernetes-certificates.json');
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Certificates;
  } catch {
    made ??= make();
    const fresh = await made;
    await mkdir(dataDir, { recursive: true });
    await writeFile(file, JSON.stringify(fresh), { mode: 0o600 });
    return fresh;
  }
}

// The simulated clock may be anywhere in these years.
const LONG_AGO = new Date('2020-01-01T00:00:00Z');
const FAR_AHEAD = new Date('2049-01-01T00:00:00Z');
const EXPIRED = new Date('2021-01-01T00:00:00Z');

async function make(): Promise<Certificates> {
  const authority = (name: string, until: Date) =>
    generate([{ name: 'commonName', value: name }], {
      keyType: 'ec',
      curve: 'P-256',
      algorithm: 'sha256',
      notBeforeDate: LONG_AGO,
      notAfterDate: until,
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true },
      ],
    });
  const [ca, valid, expired] = await Promise.all([
    authority('simulated-fleet', FAR_AHEAD),
    authority('istiod-ca', FAR_AHEAD),
    authority('istiod-ca', EXPIRED),
  ]);
  const leaf = await generate([{ name: 'commonName', value: 'kubernetes' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: LONG_AGO,
    notAfterDate: FAR_AHEAD,
    ca: { key: ca.private, cert: ca.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return {
    ca: ca.cert,
    certificate: leaf.cert,
    key: leaf.private,
    webhook: { valid: valid.cert, expired: expired.cert },
  };
}
