import * as z from 'zod';
import { configSchema } from './schema.js';

/** JSON Schema of guard.yaml for editors; docs/guard.schema.json is its text. */
export function configJsonSchema(): string {
  const schema = z.toJSONSchema(configSchema, { io: 'input' });
  return `${JSON.stringify({ title: 'guard.yaml', ...schema }, null, 2)}\n`;
}
