import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, Option } from 'commander';
import { loadTemplates } from '../analysis/template.js';
import { checkTemplates } from '../analysis/template-check.js';
import { exportTemplates } from '../analysis/template-export.js';
import type { TemplateFile } from '../analysis/template-files.js';
import type { AnalysisTemplate } from '../analysis/template-schema.js';
import { messageOf, UsageError } from '../domain/errors.js';
import { EXIT, type Io } from './io.js';

interface ExportFlags {
  readonly output: string;
  readonly repoUrl?: string;
  readonly path: string;
  readonly revision: string;
  readonly namespace: string;
}

const EXAMPLE_REPOSITORY = 'https://gitlab.example.com/platform/analysis-templates.git';

/** `guard templates list | export | check`: the built-in analysis templates, and a check of one's own. */
export function register(program: Command, io: Io): void {
  const templates = program.command('templates').description('analysis templates: list, export, check');
  templates
    .command('list')
    .description('the built-in templates')
    .action(() => tried(io, () => list(io)));
  templates
    .command('export')
    .description('write the built-in templates for another tool, so that the same policy gates it')
    .addOption(
      new Option('--format <format>', 'for which tool').choices(['argo-rollouts']).makeOptionMandatory(),
    )
    .option('--output <dir>', 'folder to write to', 'guard-templates')
    .option(
      '--repo-url <url>',
      'repository that the folder will be committed to, for the Argo CD Application',
    )
    .option('--path <path>', 'the folder’s path in that repository', 'guard-templates')
    .option('--revision <revision>', 'branch, tag or commit that Argo CD follows', 'HEAD')
    .option('--namespace <namespace>', 'namespace of Argo CD', 'argocd')
    .action((flags: ExportFlags) => tried(io, () => write(flags, io)));
  templates
    .command('check')
    .description('find bad references, kustomize overwrites, and templates that can never fail or never pass')
    .argument('<dir>', 'folder of YAML files')
    .action((folder: string) => tried(io, () => check(folder, io)));
}

async function tried(io: Io, command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    io.err(messageOf(error));
    io.exit(error instanceof UsageError ? EXIT.usage : EXIT.failed);
  }
}

async function list(io: Io): Promise<void> {
  for (const template of await builtIn()) {
    const annotations = template.metadata.annotations as Record<string, string> | undefined;
    io.out(`${template.metadata.name}\n    ${annotations?.['guard/description'] ?? ''}`);
  }
}

async function write(flags: ExportFlags, io: Io): Promise<void> {
  const folder = resolve(io.cwd, flags.output);
  const { path, revision, namespace, repoUrl = EXAMPLE_REPOSITORY } = flags;
  const files = exportTemplates(await builtIn(), { repoUrl, path, revision, namespace });
  await mkdir(folder, { recursive: true });
  for (const [name, text] of files) await writeFile(join(folder, name), text);
  io.out(`${files.size} files in ${flags.output}`);
  if (!flags.repoUrl)
    io.err(`application.yaml names ${EXAMPLE_REPOSITORY}: say --repo-url, or change it there`);
}

async function check(folder: string, io: Io): Promise<void> {
  const files = await yamlFiles(resolve(io.cwd, folder), folder);
  const { templates, findings } = checkTemplates(files);
  for (const { path, message } of findings) io.out(`${path}: ${message}`);
  if (templates === 0 && findings.length === 0) throw new UsageError(`${folder}: no analysis template in it`);
  io.out(`${templates} templates, ${findings.length} findings`);
  if (findings.length > 0) io.exit(EXIT.failed);
}

/** The templates under lib/targets, by name. */
async function builtIn(): Promise<AnalysisTemplate[]> {
  const folder = fileURLToPath(new URL('../targets/', import.meta.url));
  const files = (await yamlFiles(folder, 'targets')).filter(
    ({ path }) => path.split('/').at(-2) === 'templates',
  );
  const templates = files.flatMap(({ path, text }) => loadTemplates(text, path));
  return templates.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

async function yamlFiles(folder: string, shown: string): Promise<TemplateFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    throw new UsageError(`${shown}: cannot be read: ${messageOf(error)}`);
  });
  const paths = entries
    .filter((entry) => entry.isFile() && /\.ya?ml$/i.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return Promise.all(
    paths.map(async (path) => ({
      path: relative(folder, path).split(sep).join('/'),
      text: await readFile(path, 'utf8'),
    })),
  );
}
