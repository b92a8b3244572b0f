import { spawnSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import denied from '../../loadtest/sobek-check/deny-list.json';
import { type Ending, startProgram } from '../support/program';
import { ROOT, SCENARIOS, scratchFolder } from './support/tools';

const CHECK = join(ROOT, 'loadtest/sobek-check');
/** Where there is no Go, or one that is too old, the deny list stands for the engine. */
const hasGo = goVersion() >= 1.24;

function goVersion(): number {
  return Number(/go(\d+\.\d+)/.exec(spawnSync('go', ['version'], { encoding: 'utf8' }).stdout ?? '')?.[1] ?? 0);
}

let folder: string;
let bundles: { file: string; text: string }[];

beforeAll(async () => {
  let clean = async () => {};
  folder = await scratchFolder((after) => {
    clean = after;
  });
  const scripts = (await readdir(SCENARIOS)).map((name) => join(SCENARIOS, name));
  bundles = await Promise.all(
    [...scripts, join(CHECK, 'protocol-check.ts')].map(async (script) => {
      const file = join(folder, `${basename(script, '.ts')}.js`);
      const result = await build({
        entryPoints: [script],
        bundle: true,
        write: false,
        format: 'esm',
        platform: 'neutral',
        target: 'es2022',
        external: ['k6', 'k6/*'],
      });
      const text = result.outputFiles[0]?.text as string;
      await writeFile(file, text);
      return { file, text };
    }),
  );
  if (hasGo) await buildCheck();
  return clean;
}, 300_000);

/** Compiled once; the go command fetches the engine where it is not there yet. */
async function buildCheck(): Promise<void> {
  const { code, output } = await startProgram('go', ['build', '-o', join(folder, 'sobek-check'), '.'], {
    cwd: CHECK,
    env: { GOFLAGS: '-mod=readonly' },
  }).ended();
  if (code !== 0) throw new Error(`the check of the scripts in k6's engine cannot be built:\n${output}`);
}

function inSobek(files: string[]): Promise<Ending> {
  return startProgram(join(folder, 'sobek-check'), [join(CHECK, 'stubs.js'), ...files], { cwd: CHECK }).ended();
}

describe('what scripts use is there in k6', () => {
  it('no bundle has anything of the deny list', () => {
    expect(bundles.length).toBeGreaterThan(7);
    for (const { file, text } of bundles) {
      const found = denied.filter(({ pattern }) => new RegExp(pattern).test(text)).map(({ name }) => name);
      expect({ file: basename(file), found }).toEqual({ file: basename(file), found: [] });
    }
  });

  const inEngine = hasGo ? it : undefined;

  inEngine?.('every bundle loads in its engine, and the protocol works there', async () => {
    const { code, output } = await inSobek(bundles.map(({ file }) => file));
    expect(output).not.toContain('FAIL');
    expect(output).toContain('protocol-check.js');
    expect(code).toBe(0);
  });

  inEngine?.('the deny list is true: each sample fails in the engine', async () => {
    const samples = join(folder, 'samples');
    await mkdir(samples);
    const files = await Promise.all(
      denied.map(async ({ sample }, index) => {
        const file = join(samples, `${index}.js`);
        await writeFile(file, sample);
        return file;
      }),
    );
    const { output } = await inSobek(files);
    const loads = denied.filter((_, index) => output.includes(`ok   ${files[index]}`)).map(({ name }) => name);
    expect(loads).toEqual([]);
  });

  it('each sample is found by its own pattern', () => {
    const blind = denied.filter(({ pattern, sample }) => !new RegExp(pattern).test(sample));
    expect(blind).toEqual([]);
  });
});
