import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Of the user `contract`; the hash is of this word. */
export const PASSWORD = 'contract';
const HASH = '$2b$04$abcdefghijklmnopqrstuus41am5czu4nf4F/3qSYJMz2QsCzfMXG';

/** Debian's packages `prometheus` and `prometheus-alertmanager`; absent on most machines. */
export const installed = {
  prometheus: find('prometheus') !== undefined && find('promtool') !== undefined,
  alertmanager: find('prometheus-alertmanager', 'alertmanager') !== undefined,
};

export interface RealServer {
  readonly url: string;
  stop(): Promise<void>;
}

export interface RealPrometheusOptions {
  /** OpenMetrics text with a time on every line. */
  readonly data: string;
  /** More of prometheus.yml. */
  readonly config?: string;
  /** Text of a rule file. */
  readonly rules?: string;
}

/** A real server on loopback with this data as its past; basic auth as `contract`. */
export async function startRealPrometheus(options: RealPrometheusOptions): Promise<RealServer> {
  const folder = mkdtempSync(join(tmpdir(), 'guard-prometheus-'));
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const data = join(folder, 'data');
  mkdirSync(data);
  const past = file('past.om', options.data);
  execFileSync(find('promtool')!, ['tsdb', 'create-blocks-from', 'openmetrics', past, data], {
    stdio: 'pipe',
  });
  const rules = options.rules === undefined ? '' : `rule_files: ['${file('rules.yml', options.rules)}']\n`;
  const port = await freePort();
  return run(find('prometheus')!, folder, port, '/-/ready', [
    `--config.file=${file('prometheus.yml', `global: {evaluation_interval: 1s, external_labels: {replica: a}}\n${rules}${options.config ?? ''}`)}`,
    `--web.config.file=${file('web.yml', `basic_auth_users: {contract: '${HASH}'}\n`)}`,
    `--web.listen-address=127.0.0.1:${port}`,
    `--storage.tsdb.path=${data}`,
    '--storage.tsdb.retention.time=100y',
    // It finds its Alertmanagers five seconds after its start: what fired before is told again.
    '--rules.alert.resend-delay=1s',
    '--log.level=error',
  ]);
}

/** A real Alertmanager on loopback, alone; nobody is told of anything. */
export async function startRealAlertmanager(inhibitRules = '[]'): Promise<RealServer> {
  const folder = mkdtempSync(join(tmpdir(), 'guard-alertmanager-'));
  const config = join(folder, 'alertmanager.yml');
  writeFileSync(
    config,
    `route: {receiver: nobody}\nreceivers: [{name: nobody}]\ninhibit_rules: ${inhibitRules}\n`,
  );
  const port = await freePort();
  return run(find('prometheus-alertmanager', 'alertmanager')!, folder, port, '/-/ready', [
    `--config.file=${config}`,
    `--storage.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--cluster.listen-address=',
    '--log.level=error',
  ]);
}

function find(...names: string[]): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return names
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((path) => existsSync(path));
}

async function run(
  command: string,
  folder: string,
  port: number,
  readyPath: string,
  args: readonly string[],
): Promise<RealServer> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(String(chunk)));
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await isReady(child, url + readyPath);
  } catch (error) {
    await stop();
    throw new Error(`${command}: ${(error as Error).message}\n${said.join('').slice(-2000)}`);
  }
  return { url, stop };
}

async function isReady(child: ChildProcess, url: string): Promise<void> {
  const headers = { authorization: `Basic ${Buffer.from(`contract:${PASSWORD}`).toString('base64')}` };
  for (let tries = 0; tries < 300; tries += 1) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}`);
    const ready = await fetch(url, { headers }).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return;
    await sleep(100);
  }
  throw new Error('was not ready in time');
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await over;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
