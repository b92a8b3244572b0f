// Compiles the tools of this folder (TypeScript) to loadtest/dist, in a tenth of a second.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

export const DIST = join(import.meta.dirname, 'dist');

const ENTRIES = {
  runner: 'runner/main.ts',
  driver: 'runner/driver.ts',
  'sync-exchange-thread': 'runner/modules/sync-exchange-thread.ts',
  loadtest: 'command/main.ts',
};

/** @param {string[]} names which of the tools; each is one file */
export async function buildTools(names) {
  const result = await build({
    absWorkingDir: import.meta.dirname,
    entryPoints: Object.fromEntries(names.map((name) => [name, ENTRIES[name]])),
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    sourcemap: true,
    outdir: DIST,
    write: false,
    logLevel: 'warning',
  });
  for (const { path, contents } of result.outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    // Renamed, so that a run that starts meanwhile never reads half a file.
    writeFileSync(`${path}.${process.pid}`, contents);
    renameSync(`${path}.${process.pid}`, path);
  }
}
