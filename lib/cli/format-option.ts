import { Option } from 'commander';

/** `--format table|json`; anything else is a wrong command line. */
export function formatOption(description = 'table for people, json for programs'): Option {
  return new Option('--format <format>', description).choices(['table', 'json']).default('table');
}

/** What a command says on its way: to people on stdout, and beside the one document that programs read. */
export function noteTo(io: { out(text: string): void; err(text: string): void }, format: string) {
  return format === 'json' ? io.err : io.out;
}
