import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { diagram } from './diagram.js';

const README = 'statemachines/README.md';

describe('the diagrams of the state machines', () => {
  it('are those of the files (GUARD_WRITE_DIAGRAMS=1 renews them)', () => {
    const parts = readdirSync('statemachines')
      .filter((file) => file.endsWith('.asl.yaml'))
      .map((file) => {
        const machine = parse(readFileSync(`statemachines/${file}`, 'utf8'), { merge: true }) as Parameters<
          typeof diagram
        >[0] & { Comment: string };
        return `## ${file}\n\n${machine.Comment}\n\n\`\`\`mermaid\n${diagram(machine)}\n\`\`\`\n`;
      });
    const text = `# State machines\n\nThe very files that are deployed and that the embedded engine runs. Placeholders like \`\${Plan}\` are handlers:\n\`lambdas/plan.ts\`. Every step answers \`{next, waitSeconds, outcome, verdict, reason}\`\n(docs/adr/001-one-machine-one-step-result.md); the arrows are labelled with \`next\`.\n\n${parts.join('\n')}`;
    if (process.env.GUARD_WRITE_DIAGRAMS) writeFileSync(README, text);
    expect(readFileSync(README, 'utf8')).toBe(text);
  });
});
