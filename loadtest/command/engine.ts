import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleScript } from '../runner/script-bundle';

export interface Engine {
  name: string;
  version: string;
  command: string[];
  /** Whether it takes a bundle made for it, not the script itself. */
  needsBundle: boolean;
}

export interface EngineRun {
  script: string;
  /** Folder that samples, summary and log go to. */
  folder: string;
  name: string;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

/** Lines in which an engine says what went wrong. */
const COMPLAINT = /\b(error|failed|ERRO|WARN|stopped|times:)/;
const COMPLAINTS_KEPT = 12;

/**
 * k6 where it is on PATH, else our own runner.
 * @param wanted `auto`, `k6` or `node`
 * @throws Error where k6 is wanted and not there
 */
export function findEngine(wanted: string): Engine {
  const k6 = wanted === 'node' ? undefined : k6Version();
  if (k6) return { name: 'k6', version: k6, command: ['k6'], needsBundle: true };
  if (wanted === 'k6')
    throw new Error('ENGINE=k6, but there is no k6 on PATH. Leave ENGINE out to use the Node runner.');
  return {
    name: 'Node runner',
    version: process.version,
    command: [process.execPath, join(__dirname, 'runner.js')],
    needsBundle: false,
  };
}

function k6Version(): string | undefined {
  const { status, stdout } = spawnSync('k6', ['version'], { encoding: 'utf8' });
  return status === 0 ? (/v?\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? stdout.trim()) : undefined;
}

/** Runs one script; its output is shown and kept. */
export async function runEngine(
  engine: Engine,
  run: EngineRun,
): Promise<{ exitCode: number; linesFile: string; summaryFile: string; complaints: string[] }> {
  const linesFile = join(run.folder, `${run.name}.lines.json`);
  const summaryFile = join(run.folder, `${run.name}.summary.json`);
  let script = run.script;
  if (engine.needsBundle) {
    script = join(run.folder, `${run.name}.bundle.js`);
    await writeFile(script, await bundleScript(run.script, 'esm'));
  }
  const log = createWriteStream(join(run.folder, `${run.name}.log`));
  const [command, ...before] = engine.command as [string, ...string[]];
  const args = [...before, 'run', '--out', `json=${linesFile}`, script];
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...run.env, SUMMARY_FILE: summaryFile, K6_NO_USAGE_REPORT: 'true' },
  });
  const stop = () => child.kill('SIGTERM');
  run.signal.addEventListener('abort', stop);

  const complaints = new Set<string>();
  let rest = '';
  const take = (chunk: Buffer) => {
    process.stdout.write(chunk);
    log.write(chunk);
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) {
      if (complaints.size < COMPLAINTS_KEPT && COMPLAINT.test(line) && !/FAILED|^\s+ok /.test(line))
        complaints.add(line.trim());
    }
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  run.signal.removeEventListener('abort', stop);
  await new Promise((resolve) => log.end(resolve));
  return { exitCode, linesFile, summaryFile, complaints: [...complaints] };
}
