import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startProgram } from '../support/program';
import { json } from './support/http';
import { COMMAND, FIXTURE, linesOf, REPOSITORY, startCommand, startPod } from './support/pod';

function flotilla(...args: string[]) {
  return startProgram(process.execPath, [COMMAND, ...args], { cwd: REPOSITORY }).ended();
}

describe('the command line', () => {
  test('--help and --version end with 0', async () => {
    const help = await flotilla('start', '--help');
    expect([help.code, help.output]).toEqual([0, expect.stringContaining('--workers <count>')]);
    const version = await flotilla('--version');
    expect([version.code, version.output]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
  });

  test.each([
    [[], 'Usage: flotilla'],
    [['sail'], "unknown command 'sail'"],
    [['start', '--sails'], "unknown option '--sails'"],
    [['start', '--workers', 'many'], 'a whole number from 1 to 1024'],
    [['start', '--workers', '0'], 'a whole number from 1 to 1024'],
    [['start', '--port', '70000'], 'a whole number from 0 to 65535'],
    [['start', '--mode', 'random'], 'Allowed choices are route, sticky'],
    [['start', 'one', 'two'], 'too many arguments'],
  ])('%j is answered with usage and exit code 2', async (args, message) => {
    const { code, output } = await flotilla(...args);
    expect(code).toBe(2);
    expect(output).toContain(message);
    expect(output).toContain('Usage: flotilla');
  });

  test('a wrong environment variable is named', async () => {
    const program = startProgram(process.execPath, [COMMAND, 'start'], {
      cwd: REPOSITORY,
      env: { FLOTILLA_WORKERS: 'many' },
    });
    const { code, output } = await program.ended();
    expect([code, output]).toEqual([2, expect.stringContaining('FLOTILLA_WORKERS')]);
  });

  test('options, environment and arguments after -- reach the app', async () => {
    const pod = await startPod({
      workers: 1,
      args: ['--pod-name', 'harbour', '--host', '127.0.0.1', '--', '--fixture.colour=blue'],
      env: { sails_fixture__size: '5' },
    });
    const seen = await json<Record<string, unknown>>(`${pod.url}/whoami`);
    expect(seen).toMatchObject({
      pod: 'harbour',
      port: pod.port,
      address: { address: '127.0.0.1', port: pod.port, family: 'IPv4' },
      custom: { fromSailsrc: true },
      fixture: { colour: 'blue', size: 5 },
    });
    await pod.stop();
  });

  test('PORT and FLOTILLA_WORKERS stand for their options', async () => {
    const program = startProgram(process.execPath, [COMMAND, 'start', FIXTURE], {
      cwd: REPOSITORY,
      env: { NODE_ENV: 'production', FLOTILLA_WORKERS: '1', PORT: '70000' },
    });
    const { code } = await program.ended();
    expect(code).toBe(1);
    // production logs are structured
    const fatal = linesOf(program).find(({ level }) => level === 60);
    expect(fatal).toMatchObject({
      code: 'E_SETTINGS_DOCUMENT',
      msg: expect.stringContaining('sails.config.port is 70000'),
    });
  });
});

describe('which apps it takes', () => {
  let directory: string;
  const fatalOf = async (app: string) => {
    const program = startCommand({ app });
    const { code } = await program.ended();
    expect(code).toBe(1);
    return linesOf(program).find(({ level }) => level === 60);
  };
  /** A copy of the fixture with node_modules of its own. */
  const makeApp = (name: string, dependencies: Record<string, string>) => {
    const app = join(directory, name);
    cpSync(FIXTURE, app, { recursive: true });
    mkdirSync(join(app, 'node_modules'));
    for (const each of Object.keys(dependencies).filter((dependency) => dependency !== 'sails-hook-flotilla')) {
      symlinkSync(join(REPOSITORY, 'node_modules', each), join(app, 'node_modules', each));
    }
    writeFileSync(join(app, 'package.json'), JSON.stringify({ name, dependencies }));
    return app;
  };
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('a directory that is not there', async () => {
    expect(await fatalOf(join(directory, 'nowhere'))).toMatchObject({
      code: 'E_NO_SUCH_APP',
      msg: expect.stringContaining(join(directory, 'nowhere')),
    });
  });

  test('a directory without a package.json, and one without Sails', async () => {
    const empty = join(directory, 'empty');
    mkdirSync(empty);
    expect(await fatalOf(empty)).toMatchObject({ code: 'E_NOT_A_SAILS_APP' });
    expect(await fatalOf(makeApp('express-app', {}))).toMatchObject({
      code: 'E_NOT_A_SAILS_APP',
      msg: expect.stringContaining('npm install'),
    });
  });

  test('an app that has sails-hook-sockets: the command that removes it is named, and no worker is started', async () => {
    const app = makeApp('both', { sails: '1', 'sails-hook-sockets': '3' });
    const fatal = await fatalOf(app);
    expect(fatal).toMatchObject({
      code: 'E_OTHER_SOCKETS_HOOK',
      msg: expect.stringContaining('npm uninstall sails-hook-sockets'),
    });
  });

  test('an app with a sockets hook of its own', async () => {
    const app = makeApp('own-hook', { sails: '1' });
    mkdirSync(join(app, 'api', 'hooks', 'sockets'), { recursive: true });
    writeFileSync(join(app, 'api', 'hooks', 'sockets', 'index.js'), 'module.exports = () => ({});\n');
    expect(await fatalOf(app)).toMatchObject({
      code: 'E_OTHER_SOCKETS_HOOK',
      msg: expect.stringContaining('api/hooks/sockets'),
    });
  });

  test('an app that has sails-hook-flotilla installed', async () => {
    const app = makeApp('with-hook', { sails: '1', 'sails-hook-flotilla': '0' });
    symlinkSync(REPOSITORY, join(app, 'node_modules', 'sails-hook-flotilla'));
    const pod = await startPod({ app, workers: 1 });
    expect(await json(`${pod.url}/whoami`)).toMatchObject({ worker: '1' });
    await pod.stop();
  });
});
