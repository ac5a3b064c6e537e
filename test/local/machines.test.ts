import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { loadMachines } from '../../lib/local/machines.js';

function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'guard-machines-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

describe('loadMachines', () => {
  it('names a machine after its file and puts function names for placeholders', () => {
    const folder = folderWith({
      'rollout.asl.yaml':
        'StartAt: A\nStates:\n  A:\n    Arguments: { FunctionName: "${CheckCluster}" }\n    Retry: &r [1]\n  B: { Retry: *r }\n',
      'README.md': '${Nothing}',
    });
    expect(loadMachines(folder, ['CheckCluster'])).toEqual({
      'guard-rollout': {
        StartAt: 'A',
        States: { A: { Arguments: { FunctionName: 'guard-check-cluster' }, Retry: [1] }, B: { Retry: [1] } },
      },
    });
  });

  it('refuses placeholders without a handler, all of them and with the file', () => {
    const folder = folderWith({ 'x.asl.yaml': 'A: ${Plan}\nB: ${Gone}\nC: ${plan}\n' });
    expect(() => loadMachines(folder, ['Plan'])).toThrow(
      /x\.asl\.yaml: no handler .* \$\{Gone\}, \$\{plan\}$/,
    );
  });

  it('says where the YAML is wrong', () => {
    const folder = folderWith({ 'x.asl.yaml': 'A: [1\n' });
    expect(() => loadMachines(folder, [])).toThrow(/x\.asl\.yaml: .*line 2/s);
  });
});
