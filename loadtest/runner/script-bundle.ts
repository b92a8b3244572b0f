import { build } from 'esbuild';

export type BundleFormat = 'cjs' | 'esm';

/**
 * Bundles a script with its own modules; `k6` and what is below it stay imports.
 * @param format `esm` for k6, `cjs` for this runner
 * @returns the bundle's text
 * @throws Error with esbuild's messages
 */
export async function bundleScript(path: string, format: BundleFormat): Promise<string> {
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
