import { readFile } from 'node:fs/promises';

export type BundleFormat = 'cjs' | 'esm';

/**
 * Bundles a script with its own modules; `k6` and what is below it stay imports. A `.cjs` is such a bundle already: where a
 * run has nothing but bundles, esbuild need not be there.
 * @param format `esm` for k6, `cjs` for this runner
 * @returns the bundle's text
 * @throws Error with esbuild's messages
 */
export async function bundleScript(path: string, format: BundleFormat): Promise<string> {
  if (path.endsWith('.cjs')) return readFile(path, 'utf8');
  const { build } = await import('esbuild');
  const result = await build({
    entryPoints: [path],
    bundle: true,
    write: false,
    format,
    // Neutral: neither Node's nor a browser's modules resolve.
    platform: 'neutral',
    target: 'es2022',
    external: ['k6', 'k6/*'],
    logLevel: 'silent',
  });
  return result.outputFiles[0]?.text as string;
}
