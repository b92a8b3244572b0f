import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Program, startProgram } from '../support/program';
import { json } from './support/http';
import { COMMAND, linesOf, REPOSITORY } from './support/pod';

const ENTRIES = join(__dirname, 'fixtures', 'entries');

/** `flotilla run` in the folder of the entry files, with structured logs. */
function run(words: string[], env: NodeJS.ProcessEnv = {}, options: string[] = []): Program {
  return startProgram(process.execPath, [COMMAND, 'run', '--workers', '2', '--port', '0', ...options, '--', ...words], {
    cwd: ENTRIES,
    env: { NODE_ENV: 'development', FLOTILLA_LOG: 'json', FLOTILLA_OPS_PORT: '0', PORT: undefined, ...env },
  });
}

async function served(program: Program): Promise<string> {
  await program.says(/all 2 workers are ready/);
  const { port } = linesOf(program).find(({ msg }) => /listening on/.test(msg)) ?? {};
  return `http://127.0.0.1:${port}`;
}

/** Until each worker has answered. */
async function whoamiOfEach(url: string): Promise<Array<Record<string, unknown>>> {
  const byWorker = new Map<unknown, Record<string, unknown>>();
  while (byWorker.size < 2) {
    const answer = await json<Record<string, unknown>>(`${url}/whoami`);
    byWorker.set(answer.worker, answer);
  }
  return [...byWorker.values()];
}

describe('flotilla run', () => {
  test('runs an entry file as node would, on several workers: options of Node, arguments, overrides, the callback', async () => {
    const program = run(['node', '--require', './register.cjs', 'app.js', '--environment=staging']);
    const url = await served(program);
    for (const answer of await whoamiOfEach(url)) {
      expect(answer).toMatchObject({
        environment: 'staging',
        custom: {
          registered: true,
          isMain: true,
          options: ['--require', './register.cjs', '--no-allocation-site-pretenuring'],
          file: join(ENTRIES, 'app.js'),
        },
        port: Number(new URL(url).port),
      });
    }
    await program.says(/(fixture: called back true[\s\S]*){2}/);
    // Ctrl-C and service managers signal the whole group: a listener of the file must not end one worker on its own
    const [{ pid }] = (await whoamiOfEach(url)) as [{ pid: number }];
    process.kill(pid, 'SIGTERM');
    expect(await whoamiOfEach(url)).toHaveLength(2);
    const { code, output } = await program.stop();
    expect(code).toBe(0);
    expect(output).not.toContain('fixture: heard the signal');
  });

  test('an ES module that lifts late; a worker that dies runs it again', async () => {
    const program = run(['late.mjs']);
    const url = await served(program);
    const [first] = (await whoamiOfEach(url)) as [{ pid: number; worker: string }];
    expect(first).toMatchObject({ custom: { isModule: true } });
    process.kill(first.pid, 'SIGKILL');
    await program.says(/(worker ready[\s\S]*){3}/);
    const workers = (await whoamiOfEach(url)).map(({ worker }) => worker);
    expect(workers).not.toContain(first.worker);
    expect((await program.stop()).code).toBe(0);
  });

  test('a lift that fails: the file is called back with the error, and the launcher says why', async () => {
    const program = run(['node', 'app.js'], { FIXTURE_BOOTSTRAP: 'throw' }, ['--log-level', 'info']);
    const { code, output } = await program.ended();
    expect(code).toBe(1);
    expect(output).toMatch(/fixture: called back .*the bootstrap of this fixture throws/);
    expect(linesOf(program).at(-2)?.msg).toContain('the bootstrap of this fixture throws');
  });

  test('a file that ends without lifting, and one that is not there', async () => {
    const idle = run(['node', 'idle.js']);
    expect((await idle.ended()).code).toBe(1);
    expect(linesOf(idle)).toContainEqual(
      expect.objectContaining({ code: 'E_ENTRY', msg: expect.stringContaining('without having called sails.lift()') }),
    );
    const nowhere = run(['node', 'nowhere.js']);
    expect((await nowhere.ended()).code).toBe(1);
    expect(linesOf(nowhere).at(-1)).toMatchObject({ code: 'E_ENTRY', msg: expect.stringContaining('nowhere.js') });
  });

  test.each([
    [[], 'No command is given'],
    [['node'], 'names no entry file'],
    [['node', '--eval', '1'], 'With "--eval" Node runs no entry file'],
    [['ts-node', 'app.ts'], 'node --require ts-node/register app.ts'],
  ])('%j is answered with usage and exit code 2', async (words, message) => {
    const { code, output } = await run(words).ended();
    expect(code).toBe(2);
    expect(output).toContain(message);
    expect(output).toContain('Usage: flotilla run');
  });

  test('--help', async () => {
    const { code, output } = await startProgram(process.execPath, [COMMAND, 'run', '--help'], {
      cwd: REPOSITORY,
    }).ended();
    expect(code).toBe(0);
    expect(output).toContain('flotilla run -- node app.js --prod');
    expect(output).toContain('--workers <count>');
  });
});
