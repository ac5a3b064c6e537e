#!/usr/bin/env node
// The project's figures: `npm run -s bench -- [--json] [--only PREFIX] [--full]`.
import { register } from 'tsx/esm/api';

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
register();
const { main } = await import('../test/bench/index.ts');
process.exitCode = await main(process.argv.slice(2));
