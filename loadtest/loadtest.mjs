// Runs the load tests: see --help and docs/loadtest.md.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { buildTools, DIST } from './build.mjs';

await buildTools(['loadtest', 'runner', 'driver', 'sync-exchange-thread']);
createRequire(import.meta.url)(join(DIST, 'loadtest.js'));
