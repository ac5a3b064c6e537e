import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';
import { handlerName } from '../config/names.js';
import type { Config } from '../config/schema.js';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** Beside the code in every function's package. */
export const CONFIG_FILE = 'guard.json';

/** CommonJS packages ask for `require` and the two names, which an ES module does not have. */
const BANNER = [
  "import { createRequire as guardRequire } from 'node:module';",
  "import { fileURLToPath as guardPath } from 'node:url';",
  'const require = guardRequire(import.meta.url);',
  'const __filename = guardPath(import.meta.url);',
  "const __dirname = guardPath(new URL('.', import.meta.url));",
].join('');

/** zod brings its messages in fifty languages (260 KB in every bundle); ours are English. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup(run) {
    run.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

export interface Bundles {
  /** Handler, as in the state machine, to the folder with its `index.mjs`. */
  readonly folders: Readonly<Record<string, string>>;
  /** Handler to the bytes of its code, without source map. */
  readonly bytes: Readonly<Record<string, number>>;
  /** Handler to the files that went into it, relative to the project. */
  readonly inputs: Readonly<Record<string, readonly string[]>>;
}

/**
 * Bundles every handler of lambdas/ in one run of esbuild: for each alone it takes four times as long. The AWS SDK
 * comes along, so that what runs is what was tested. With `config` its text lies beside the code (docs/adr/007).
 */
export async function bundleHandlers(outdir: string, config?: Config): Promise<Bundles> {
  const lambdas = join(PROJECT, 'lambdas');
  const files = readdirSync(lambdas)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length));
  rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: PROJECT,
    entryPoints: Object.fromEntries(files.map((file) => [`${file}/index`, join(lambdas, `${file}.ts`)])),
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    banner: { js: BANNER },
    // Names stay: the state machine matches errors by their name.
    keepNames: true,
    minify: true,
    treeShaking: true,
    sourcemap: 'linked',
    sourcesContent: false,
    metafile: true,
    legalComments: 'none',
    // node-fetch 2 wants it only where Node has no URL; it would be 280 KB.
    alias: { 'whatwg-url': join(PROJECT, 'lib/infra/whatwg-url.ts') },
    plugins: [englishOnly],
    logLevel: 'warning',
  });
  const folders: Record<string, string> = {};
  for (const file of files) {
    const folder = join(outdir, file);
    folders[handlerName(file)] = folder;
    mkdirSync(folder, { recursive: true });
    if (config) writeFileSync(join(folder, CONFIG_FILE), `${JSON.stringify(config, null, 2)}\n`);
  }
  return { folders, ...measure(metafile) };
}

function measure(metafile: Metafile): Pick<Bundles, 'bytes' | 'inputs'> {
  const bytes: Record<string, number> = {};
  const inputs: Record<string, readonly string[]> = {};
  for (const [path, output] of Object.entries(metafile.outputs)) {
    const file = /([^/]+)\/index\.mjs$/.exec(path)?.[1];
    if (file === undefined) continue;
    bytes[handlerName(file)] = output.bytes;
    inputs[handlerName(file)] = Object.keys(output.inputs);
  }
  return { bytes, inputs };
}
