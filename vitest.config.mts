import { configDefaults, defineConfig } from 'vitest/config';
import FileOrder from './test/support/file-order.mts';

/** The tests of `make test`. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Those of `make test-long`.
    exclude: [...configDefaults.exclude, 'test/**/*.long.test.ts'],
    // Real servers and processes: each file in a process of its own, and one file more at once than small machines have
    // cores, since now and then a test waits.
    pool: 'forks',
    maxWorkers: 3,
    sequence: { sequencer: FileOrder },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    // A second is little on a machine that is busy.
    expect: { poll: { timeout: 20_000 } },
    retry: 0,
  },
});
