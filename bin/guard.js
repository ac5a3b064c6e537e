#!/usr/bin/env node
// The `guard` command. TypeScript is loaded as it is (tsx), so that a clone needs no build step.
import { register } from 'tsx/esm/api';

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
register();
// The reader went away (`guard ... | head`): nothing is left to be said.
process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));
const { main } = await import('../lib/cli/main.ts');
process.exitCode = await main(process.argv.slice(2));
