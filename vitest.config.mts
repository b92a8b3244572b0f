import { configDefaults, defineConfig } from 'vitest/config';

/** The tests of `make test`. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Those of `make test-long`.
    exclude: [...configDefaults.exclude, 'test/**/*.long.test.ts'],
    // Real servers and processes: each file in a process of its own, and no more files at once than small machines have cores.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    retry: 0,
  },
});
