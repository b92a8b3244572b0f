import { defineConfig } from 'vitest/config';

/** The tests of `make e2e`, on a Kubernetes that scripts/e2e.mjs finds or starts. */
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.e2e.ts'],
    pool: 'forks',
    // They share one small cluster and its ingress.
    fileParallelism: false,
    maxWorkers: 1,
    // The order tells a story, and after a failure the rest would only fail more slowly.
    bail: 1,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    retry: 0,
  },
});
