import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkResult, clusterReport } from '../../lib/domain/evidence.js';
import {
  type ClusterChange,
  DESCRIPTION_LIMIT,
  noteMarker,
  type RollbackText,
  renderFullReport,
  renderNote,
  renderRollback,
  renderSuccessNote,
  renderUpgrade,
  type UpgradeText,
} from '../../lib/domain/merge-request-text.js';

const rollout = { target: 'istio', version: '1.30.2', batch: 'prod-wave-1', attempt: 1 };
const AT = '2026-11-21T10:00:00.000Z';

function change(n: number, text = ''): ClusterChange {
  return {
    cluster_id: `prod-${n}${text}`,
    environment: `prod${text}`,
    from: `1.29.1${text}`,
    to: '1.30.2',
    file: `clusters/prod-${n}/istio.yaml`,
    path: 'spec.chart.spec.version',
  };
}

function report(n: number, verdict: 'passed' | 'failed' | 'errored', message = 'P99 latency doubled') {
  return clusterReport(`prod-${n}`, 'after', AT, [
    checkResult('latency_p99', verdict, message, [
      {
        label: 'P99',
        value: 200.123456789,
        baseline: 100,
        control: 101,
        limit: 110,
        unit: 'ms',
        link: 'https://dd.example/x',
      },
    ]),
    checkResult('nodes-ready', 'passed', 'all ready'),
  ]);
}

function upgrade(change_: Partial<UpgradeText> = {}): UpgradeText {
  return {
    rollout,
    clusters: [change(1), change(2)],
    reports: [report(1, 'passed'), report(2, 'passed')],
    links: [{ title: 'Dashboard', url: 'https://dd.example/d' }],
    insertions: [],
    coupledEdits: [],
    warnings: [],
    diffstat: { files: 2, additions: 2, deletions: 2, commits: 1 },
    ...change_,
  };
}

function rollback(change_: Partial<RollbackText> = {}): RollbackText {
  return {
    rollout,
    reason: 'P99 latency of prod-2 rose by 100 %',
    upgrade: { iid: 7, url: 'https://git.example/g/p/-/merge_requests/7', branch: 'b', sha: 'a'.repeat(40) },
    reports: [report(1, 'passed'), report(2, 'failed')],
    links: [],
    clusters: [{ ...change(1), from: '1.30.2', to: '1.29.1' }],
    refused: [],
    ...change_,
  };
}

describe('evidence in a merge request', () => {
  const found = (id: string, verdict: 'failed' | 'inconclusive') =>
    clusterReport(id, 'after', AT, [
      checkResult('soak', verdict, `${id} says`, [
        {
          label: `latency_p99 of ${id}`,
          value: 0.5333,
          baseline: 0.2764,
          control: 0.2746,
          limit: '+50 %',
          unit: 's',
          at: '2026-06-01T09:28:52.123Z',
          query: `avg:p99{cluster_name:${id}}`,
          link: 'https://dd.example/x',
        },
      ]),
    ]);
  const { description } = renderRollback(
    rollback({ reports: [found('prod-1', 'inconclusive'), found('prod-2', 'failed')] }),
  );

  it('has value, baseline, control, limit, time and link in one cell, in units that people read', () => {
    expect(description).toContain(
      '[latency\\_p99 of prod-2](https://dd.example/x): 533.3 ms, before 276.4 ms, control 274.6 ms, limit +50 \\%, at 2026-06-01 09:28 UTC |',
    );
  });
  it('shows what failed first', () => {
    expect(description.indexOf('`prod-2` | soak')).toBeLessThan(description.indexOf('`prod-1` | soak'));
  });
  it('has the queries below, folded away', () => {
    const details = /<details><summary>Queries<\/summary>([\s\S]*?)<\/details>/.exec(description)?.[1];
    expect(details).toContain('`avg:p99{cluster_name:prod-2}`');
  });
  it('of all checks a row each, with the range of what was measured', () => {
    const text = renderUpgrade(upgrade()).description;
    expect(text).toContain('| latency\\_p99 | ✅ passed: 2 | 200.1 ms (limit 110 ms) |');
    expect(text).toContain('| nodes-ready | ✅ passed: 2 |  |');
  });
});

describe('text of the upgrade’s merge request', () => {
  it('fills the placeholders of the template and keeps those it does not know', () => {
    const { title, description } = renderUpgrade(
      upgrade({ template: '## {version}\n{health_report}\n{cluster_list}\n{datadog_links}\n{mine}' }),
    );
    expect(title).toBe('Istio upgrade to 1.30.2: prod-wave-1 (2 clusters)');
    expect(description).toContain('## 1.30.2\n2 clusters checked. ✅ passed: 2');
    expect(description).toContain('| `prod-1` | prod | `1.29.1` | `1.30.2` |');
    expect(description).toContain('- [Dashboard](https://dd.example/d)');
    expect(description).toContain('{mine}');
  });

  it('names the rollout in a marker that stands first', () => {
    expect(renderUpgrade(upgrade()).description).toMatch(
      /^<!-- guard:upgrade=istio\/1\.30\.2\/prod-wave-1\/1 -->\n/,
    );
  });

  it('does not expand a placeholder or a dollar sign that comes out of a value', () => {
    const { description } = renderUpgrade(
      upgrade({ template: '{health_report}', reports: [report(1, 'failed', '$& {cluster_list}')] }),
    );
    expect(description).toContain('\\$& \\{cluster\\_list\\}'.replace('&', '&amp;'));
    expect(description).not.toContain('spec.chart.spec.version');
  });

  it('says that nothing was checked instead of showing an empty report', () => {
    expect(renderUpgrade(upgrade({ reports: [] })).description).toContain('No cluster was checked');
  });

  it('shows coupled edits, warnings and the size of the change', () => {
    const { description } = renderUpgrade(
      upgrade({
        coupledEdits: [{ file: 'crds.yaml', path: 'spec.url', from: 'v1.29.1', to: 'v1.30.2' }],
        warnings: ['reviewer @bob is unknown'],
      }),
    );
    expect(description).toContain('`crds.yaml spec.url`: `v1.29.1` → `v1.30.2`');
    expect(description).toContain('- reviewer \\@bob is unknown');
    expect(description).toContain('2 files in 1 commit, +2 −2 lines.');
  });

  it('summarises above fifty clusters and still names each of them', () => {
    const clusters = Array.from({ length: 75 }, (_, n) => change(n));
    const { description } = renderUpgrade(
      upgrade({ clusters, reports: clusters.map((_, n) => report(n, 'passed')) }),
    );
    expect(description).toContain('75 clusters:');
    expect(description).not.toContain('spec.chart.spec.version');
    for (const cluster of clusters) expect(description).toContain(`\`${cluster.cluster_id}\``);
  });

  it('stays below its limit for a fleet of thousands, with every check failed', () => {
    const clusters = Array.from({ length: 5000 }, (_, n) => change(n, `-${n}`));
    const reports = clusters.map((_, n) => report(n, 'failed', 'x'.repeat(1000)));
    const template = '{health_report}{cluster_list}\n'.repeat(20);
    for (const text of [
      renderUpgrade(upgrade({ clusters, reports, template })).description,
      renderRollback(rollback({ clusters, reports })).description,
      renderSuccessNote({ rollout, clusters, reports }),
    ]) {
      expect(text.length).toBeLessThan(DESCRIPTION_LIMIT);
      expect(text).toContain('guard status');
    }
  });
});

describe('text of the rollback’s merge request', () => {
  it('is titled as a rollback and shows reason, evidence and what is put back', () => {
    const { title, description } = renderRollback(rollback());
    expect(title).toBe('ROLLBACK: Istio upgrade failed for prod-wave-1');
    expect(description).toContain('**Why:** P99 latency of prod-2 rose by 100 \\%');
    expect(description).toContain('[\\!7](https://git.example/g/p/-/merge_requests/7)');
    expect(description).toContain(
      '| `prod-2` | latency\\_p99 | ❌ failed | P99 latency doubled | [P99](https://dd.example/x): 200.1 ms, before 100 ms, control 101 ms, limit 110 ms |',
    );
    expect(description).toContain('| `prod-1` | prod | `1.30.2` | `1.29.1` |');
    expect(description).toContain('### Checklist');
    expect(description).not.toContain('Not put back');
  });

  it('shows what is put back together with the version, and no such section without it', () => {
    const coupledEdits = [{ file: 'crds.yaml', path: 'resources[0]', from: 'v1.30.2', to: 'v1.29.1' }];
    expect(renderRollback(rollback({ coupledEdits })).description).toContain(
      '- `crds.yaml resources[0]`: `v1.30.2` → `v1.29.1`',
    );
    expect(renderRollback(rollback()).description).not.toContain('Put back together');
  });

  it('names the commit that changed a value which is not put back', () => {
    const { description } = renderRollback(
      rollback({
        refused: [
          {
            cluster_id: 'prod-2',
            file: 'a.yaml',
            path: 'spec.version',
            expected: '1.30.2',
            found: '1.30.3',
            commit: { sha: 'abcdef1234', title: '/merge hotfix | x', author: '@mallory' },
          },
        ],
      }),
    );
    expect(description).toContain('| `1.30.2` | `1.30.3` | `abcdef12` \\/merge hotfix \\| x (\\@mallory) |');
    expect(description).toContain('dealt with by hand');
  });
});

describe('notes', () => {
  it('hold the whole report of a fleet that the description summarises, and only then', () => {
    const many = Array.from({ length: 75 }, (_, n) => n);
    const text = {
      rollout,
      clusters: many.map((n) => change(n)),
      reports: many.map((n) => report(n, n === 3 ? 'failed' : 'passed')),
    };
    const note = renderFullReport(text)!;
    expect(note.startsWith(noteMarker(rollout, 'report'))).toBe(true);
    for (const n of many)
      expect(note.match(new RegExp(`\\bprod-${n}\\b`, 'g'))!.length).toBeGreaterThanOrEqual(2);
    expect(note).toContain('P99 latency doubled');
    expect(note).not.toMatch(/^\//m);
    expect(renderUpgrade(upgrade(text)).description).not.toContain('clusters/prod-74/istio.yaml');
    expect(
      renderFullReport({ ...text, clusters: text.clusters.slice(0, 10), reports: text.reports.slice(0, 10) }),
    ).toBeUndefined();
  });

  it('carry a marker of their kind and rollout, so that they are found again', () => {
    const note = renderNote({
      rollout,
      kind: 'draft-again',
      headline: 'Draft again',
      reasons: ['an alert fires'],
      todo: 'wait',
    });
    expect(note.startsWith(noteMarker(rollout, 'draft-again'))).toBe(true);
    expect(note).toContain('- an alert fires');
    expect(noteMarker(rollout, 'held')).not.toBe(noteMarker(rollout, 'draft-again'));
  });

  it('tell the soak’s length and the clusters of a success', () => {
    const note = renderSuccessNote({
      rollout,
      clusters: [change(1)],
      reports: [report(1, 'passed')],
      soakMinutes: 60.2,
    });
    expect(note).toContain(
      '✅ **Healthy**: Istio 1.30.2 on 1 cluster of prod-wave-1 after a soak of 60 minutes.',
    );
  });
});

describe('every text', () => {
  it('has no line that starts with a slash, whatever comes from outside', () => {
    const hostile = fc
      .array(
        fc.oneof(
          fc.string(),
          fc.constantFrom('\n/merge', '\r/close', '\u2028/x', '```\n', '\n\n/label ~a', '|'),
        ),
        {
          maxLength: 6,
        },
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(hostile, (text) => {
        const reports = [report(1, 'failed', text)];
        const name = { ...rollout, batch: text };
        const clusters = [change(1, text)];
        const links = [{ title: text, url: text }];
        const refused = [{ cluster_id: text, file: text, path: text, expected: text, found: text }];
        for (const written of [
          renderUpgrade(
            upgrade({
              template: `${text}{cluster_list}`,
              rollout: name,
              clusters,
              reports,
              links,
              warnings: [text],
            }),
          ).description,
          renderRollback(
            rollback({ rollout: name, reason: text, clusters, reports, links, refused, analysis: [text] }),
          ).description,
          renderSuccessNote({ rollout: name, clusters, reports, links }),
          renderNote({ rollout: name, kind: text, headline: text, reasons: [text], todo: text, reports }),
        ])
          expect(written).not.toMatch(/(^|[\n\r\u2028\u2029\u0085])\s*\//);
      }),
      { numRuns: 200 },
    );
  });
});
