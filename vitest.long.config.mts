import { defineConfig } from 'vitest/config';
import base from './vitest.config.mts';

/** The tests of `make test-long`. */
export default defineConfig({
  test: {
    ...base.test,
    include: ['test/**/*.long.test.ts'],
    exclude: ['**/node_modules/**'],
    // They keep a core busy each.
    maxWorkers: 2,
    testTimeout: 300_000,
  },
});
