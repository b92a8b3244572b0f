// Writes what the chart's load test Job runs to helm/flotilla/files/loadtest/: a bundle of each scenario (`.js` for k6, `.cjs`
// for the Node runner), and the runner with all that it needs but Node, so that any app's image can run it.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const out = join(root, 'helm/flotilla/files/loadtest');
const scenarios = join(root, 'loadtest/scenarios');

const written = new Set();
await Promise.all([
  ...readdirSync(scenarios).flatMap((file) => [bundleScenario(file, 'esm', 'js'), bundleScenario(file, 'cjs', 'cjs')]),
  bundleRunner(),
]);
for (const path of readdirSync(out, { recursive: true })) {
  if (/\.(js|cjs|txt)$/.test(path) && !written.has(path)) rmSync(join(out, path));
}

async function bundleScenario(file, format, extension) {
  await bundle({
    entryPoints: [join(scenarios, file)],
    outfile: join(out, `${basename(file, '.ts')}.${extension}`),
    format,
    // Neutral: neither Node's nor a browser's modules resolve.
    platform: 'neutral',
    target: 'es2022',
    external: ['k6', 'k6/*'],
  });
}

async function bundleRunner() {
  const { inputs } = await bundle({
    entryPoints: {
      runner: 'runner/main.ts',
      driver: 'runner/driver.ts',
      'sync-exchange-thread': 'runner/modules/sync-exchange-thread.ts',
    },
    outdir: join(out, 'runner'),
    minify: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // esbuild bundles scripts, which is done already; the others are optional accelerators of ws.
    external: ['esbuild', 'bufferutil', 'utf-8-validate'],
  });
  write(join(out, 'runner', 'LICENSES.txt'), licences(Object.keys(inputs)));
}

async function bundle(options) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: join(root, 'loadtest'),
    bundle: true,
    metafile: true,
    write: false,
    logLevel: 'warning',
    ...options,
  });
  for (const { path, contents } of outputFiles) write(path, contents);
  return metafile;
}

/** Renamed, so that a chart that is rendered meanwhile never has half a file. */
function write(path, contents) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, contents);
  renameSync(`${path}.${process.pid}`, path);
  written.add(relative(out, path));
}

/** The licence of every package of which something is in the bundle. */
function licences(inputs) {
  const folders = new Set();
  for (const input of inputs) {
    const [, folder] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(join(root, 'loadtest', input)) ?? [];
    if (folder) folders.add(folder);
  }
  return [...folders]
    .sort()
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
      return `${name} ${version} (${license})\n\n${file ? readFileSync(join(folder, file), 'utf8').trim() : ''}\n`;
    })
    .join('\n---\n\n');
}
