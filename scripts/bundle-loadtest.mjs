// Bundles the load tests for Kubernetes (docs/kubernetes.md): each scenario for k6 into the chart, and for the Node runner into the
// package, next to the runner with all that it needs but Node, so that the image of any app can run them.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const chart = join(root, 'helm/flotilla/files/loadtest');
const dist = join(root, 'dist/loadtest');
const scenarios = join(root, 'loadtest/scenarios');

const written = new Set();
await Promise.all([
  ...readdirSync(scenarios).flatMap((file) => [
    bundleScenario(file, 'esm', join(chart, `${basename(file, '.ts')}.js`)),
    bundleScenario(file, 'cjs', join(dist, `${basename(file, '.ts')}.cjs`)),
  ]),
  bundleRunner(),
]);
for (const folder of [chart, dist]) {
  for (const file of readdirSync(folder)) {
    if (!written.has(join(folder, file)) && /\.(js|cjs|txt)$/.test(file)) rmSync(join(folder, file));
  }
}

async function bundleScenario(file, format, outfile) {
  await bundle({
    entryPoints: [join(scenarios, file)],
    outfile,
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
    outdir: dist,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // esbuild bundles scripts, which is done already; the others are optional accelerators of ws.
    external: ['esbuild', 'bufferutil', 'utf-8-validate'],
  });
  write(join(dist, 'LICENSES.txt'), licences(Object.keys(inputs)));
}

async function bundle(options) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: join(root, 'loadtest'),
    bundle: true,
    // Helm keeps every file of a chart in each of its releases.
    minify: true,
    metafile: true,
    write: false,
    logLevel: 'warning',
    ...options,
  });
  for (const { path, contents } of outputFiles) write(path, contents);
  return metafile;
}

/** Renamed, so that nobody who reads meanwhile has half a file. */
function write(path, contents) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, contents);
  renameSync(`${path}.${process.pid}`, path);
  written.add(path);
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
