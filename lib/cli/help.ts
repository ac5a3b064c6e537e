/** The end of a command's help: what people type, and what it does. */
export function examples(...pairs: readonly (readonly [command: string, what: string])[]): string {
  const width = Math.max(...pairs.map(([command]) => command.length));
  const lines = pairs.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`);
  return `\nExamples:\n${lines.join('\n')}`;
}
