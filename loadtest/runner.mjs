// Runs one script in Node processes: see runner/README.md.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { buildTools, DIST } from './build.mjs';

await buildTools(['runner', 'driver', 'sync-exchange-thread']);
createRequire(import.meta.url)(join(DIST, 'runner.js'));
