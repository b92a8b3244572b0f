import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { RunReport } from './run-report';

/** Where the sources of the page are; this file itself runs from loadtest/dist. */
const PAGE = join(__dirname, '../report/page');

/** A page with everything in it: styles, drawing library, data. One run, or two side by side. */
export async function reportPage(runs: RunReport[]): Promise<string> {
  const [script, style, plotStyle] = await Promise.all([
    bundlePage(),
    readFile(join(PAGE, 'report.css'), 'utf8'),
    readFile(require.resolve('uplot/dist/uPlot.min.css'), 'utf8'),
  ]);
  const title = runs.length > 1 ? 'Load tests compared' : `Load test ${runs[0]?.passed ? 'passed' : 'failed'}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${plotStyle}
${style}</style>
</head>
<body>
<main id="report"></main>
<script type="application/json" id="runs">${JSON.stringify(runs).replace(/</g, '\\u003c')}</script>
<script>${script.replace(/<\/script/g, '<\\/script')}</script>
</body>
</html>
`;
}

async function bundlePage(): Promise<string> {
  const result = await build({
    entryPoints: [join(PAGE, 'main.ts')],
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    target: 'es2022',
    legalComments: 'inline',
    logLevel: 'silent',
  });
  return result.outputFiles[0]?.text as string;
}
