import pc from 'picocolors';
import type { Outcome } from '../../domain/rollout.js';
import type { ChannelMessage } from '../../simulation/channel.js';
import type { LocalFleet } from '../../simulation/fleet.js';
import type { Io } from '../io.js';
import type { DemoReport, RolloutReport } from './report.js';
import type { Moment } from './run-one.js';

export interface Show {
  opening(fleet: LocalFleet, how: { own: boolean; interactive: boolean }): void;
  act(title: string): void;
  progress(moment: Moment): void;
  diff(text: string): void;
  ending(report: RolloutReport, expected: Outcome): void;
  closing(report: DemoReport): void;
}

const MAX_CLUSTERS = 12;

/** On a terminal a live picture below the lines; elsewhere plain lines, one per change. */
export function createShow(io: Io, { quiet }: { quiet: boolean }): Show {
  const colors = pc.createColors(io.color);
  const live = io.color && process.stdout.isTTY === true;
  let told: readonly ChannelMessage[] = [];
  let heard = 0;
  let drawn = 0;
  let shown = '';
  let begunAt: number | undefined;
  let said = '';
  let linked = new Set<string>();

  function say(text: string): void {
    if (quiet) return;
    erase();
    io.out(text);
  }
  function erase(): void {
    if (drawn > 0) process.stdout.write(`\u001b[${drawn}A\u001b[0J`);
    drawn = 0;
  }
  function draw(lines: readonly string[]): void {
    const picture = lines.join('\n');
    if (drawn > 0 && picture === shown) return;
    shown = picture;
    erase();
    process.stdout.write(`${picture}\n`);
    drawn = lines.length;
  }
  const link = (url: string, text = url) =>
    live ? `\u001b]8;;${url}\u0007${colors.underline(text)}\u001b]8;;\u0007` : url;

  return {
    opening(fleet, { own, interactive }) {
      told = fleet.channel.messages;
      const batches = new Set(fleet.clusters.map((cluster) => cluster.batch_id));
      say(
        `${colors.bold('GUARD')}  ${plural(fleet.clusters.length, 'simulated EKS cluster')} in ${plural(batches.size, 'batch', 'batches')}${own ? ', your own GitOps tree' : ''}`,
      );
      say(
        colors.dim(
          `AWS ${fleet.engine.endpoint}  GitLab ${fleet.gitlab.url}  time is simulated: it jumps when nothing happens`,
        ),
      );
      if (interactive)
        say(
          colors.yellow(
            `You merge. Open ${link(fleet.gitlab.url)} and mark a merge request as ready, merge it or close it.`,
          ),
        );
    },
    act(title) {
      begunAt = undefined;
      said = '';
      linked = new Set();
      say(`\n${colors.bold(colors.cyan(`▶ ${title}`))}`);
    },
    progress(moment) {
      if (quiet) return;
      const { rollout } = moment;
      begunAt ??= Date.parse(rollout.startedAt);
      const clock = colors.dim(elapsed(moment.at - begunAt));
      for (const request of [rollout.upgrade, rollout.rollback]) {
        if (!request || linked.has(request.url)) continue;
        linked.add(request.url);
        const kind = request === rollout.rollback ? colors.red('rollback merge request') : 'merge request';
        say(`  ${clock}  ${kind} !${request.iid} opened: ${link(request.url)}`);
      }
      const detail = rollout.phase.startsWith('soaking') ? (moment.judgement?.reason ?? '') : '';
      if (rollout.phase !== said) {
        said = rollout.phase;
        const why =
          rollout.phase === 'opening the rollback' && moment.judgement ? `: ${moment.judgement.reason}` : '';
        say(`  ${clock}  ${rollout.phase}${colors.red(why)}`);
      }
      for (const message of told.slice(heard)) {
        heard += 1;
        say(
          `  ${clock}  ${message.severity === 'critical' ? colors.red('notified') : 'notified'}: ${message.title}`,
        );
      }
      if (live && rollout.outcome === undefined) draw(picture(moment, detail, colors));
    },
    ending(report, expected) {
      const good = report.outcome === expected;
      const mark = good ? colors.green('✔') : colors.red('✘');
      say(
        `  ${mark} ${colors.bold(report.outcome)}${good ? '' : colors.red(` (expected ${expected})`)}${report.reason ? `: ${report.reason}` : ''}`,
      );
      const statuses = new Map<string, number>();
      for (const cluster of report.clusters) {
        const text = `${cluster.version ?? '?'} ${cluster.status}`;
        statuses.set(text, (statuses.get(text) ?? 0) + 1);
      }
      if (statuses.size > 0)
        say(
          colors.dim(
            `    ${report.batch}: ${[...statuses].map(([text, count]) => `${count} × ${text}`).join(', ')}`,
          ),
        );
      if (report.transitions > 0) {
        say(
          colors.dim(
            `    ${elapsed(report.simulatedSeconds * 1000)} simulated, ${report.transitions} state transitions, ${report.events} history events`,
          ),
        );
      }
    },
    diff(text) {
      if (text === '') return;
      say('');
      for (const line of text.trimEnd().split('\n')) {
        const added = line.startsWith('+') && !line.startsWith('+++');
        const removed = line.startsWith('-') && !line.startsWith('---');
        say(`    ${added ? colors.green(line) : removed ? colors.red(line) : colors.dim(line)}`);
      }
    },
    closing(report) {
      say(
        `\n${colors.bold('Done')} in ${report.wallSeconds} s. ${colors.dim('Next: npx guard local starts the same fleet and stays, for the AWS CLI, kubectl and the guard commands.')}`,
      );
    },
  };
}

function picture(moment: Moment, detail: string, colors: ReturnType<typeof pc.createColors>): string[] {
  const clusters = moment.rollout.clusters;
  const lines = clusters.slice(0, MAX_CLUSTERS).map(({ cluster_id, verdict }) => {
    const step = moment.progress?.clusters.find((entry) => entry.cluster_id === cluster_id);
    const status = moment.statuses.get(cluster_id) ?? '';
    const sign =
      verdict === 'failed' ? colors.red('●') : status === 'healthy' ? colors.green('●') : colors.yellow('●');
    return `    ${sign} ${cluster_id.padEnd(32)} ${status.padEnd(20)} ${colors.dim((step?.message ?? '').slice(0, 60))}`;
  });
  if (clusters.length > MAX_CLUSTERS)
    lines.push(colors.dim(`      and ${clusters.length - MAX_CLUSTERS} more`));
  if (detail) lines.push(colors.dim(`      ${detail.slice(0, 110)}`));
  return lines;
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function elapsed(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}
