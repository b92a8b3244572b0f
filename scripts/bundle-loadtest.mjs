// Writes what the chart's load test Job runs to helm/flotilla/files/loadtest/: a bundle of each scenario (`.js` for k6, `.cjs`
// for the Node runner), and the runner with all that it needs but Node, so that any app's image can run it.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const out = join(root, 'helm/flotilla/files/loadtest');
const scenarios = join(root, 'loadtest/scenarios');

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

await Promise.all([
  ...readdirSync(scenarios).flatMap((file) => [bundle(file, 'esm', 'js'), bundle(file, 'cjs', 'cjs')]),
  bundleRunner(),
]);

async function bundle(file, format, extension) {
  await build({
    entryPoints: [join(scenarios, file)],
    outfile: join(out, `${basename(file, '.ts')}.${extension}`),
    bundle: true,
    format,
    // Neutral: neither Node's nor a browser's modules resolve.
    platform: 'neutral',
    target: 'es2022',
    external: ['k6', 'k6/*'],
    logLevel: 'warning',
  });
}

async function bundleRunner() {
  const { metafile } = await build({
    absWorkingDir: join(root, 'loadtest'),
    entryPoints: {
      runner: 'runner/main.ts',
      driver: 'runner/driver.ts',
      'sync-exchange-thread': 'runner/modules/sync-exchange-thread.ts',
    },
    outdir: join(out, 'runner'),
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // esbuild bundles scripts, which is done already; the others are optional accelerators of ws.
    external: ['esbuild', 'bufferutil', 'utf-8-validate'],
    metafile: true,
    logLevel: 'warning',
  });
  writeFileSync(join(out, 'runner', 'LICENSES.txt'), licences(Object.keys(metafile.inputs)));
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
