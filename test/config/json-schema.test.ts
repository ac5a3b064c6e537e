import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { configJsonSchema } from '../../lib/config/json-schema.js';

const FILE = new URL('../../docs/guard.schema.json', import.meta.url);

describe('docs/guard.schema.json', () => {
  it('is current (GUARD_WRITE_SCHEMA=1 npm test -- test/config/json-schema writes it)', () => {
    if (process.env.GUARD_WRITE_SCHEMA) writeFileSync(FILE, configJsonSchema());
    expect(readFileSync(FILE, 'utf8')).toBe(configJsonSchema());
  });

  it('lets an editor refuse unknown keys and asks for nothing that has a default', () => {
    const schema = JSON.parse(configJsonSchema());
    expect(schema.additionalProperties).toBe(false);
    expect(schema.required).toEqual(['gitlab']);
  });
});
