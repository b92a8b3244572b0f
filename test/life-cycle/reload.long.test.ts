import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connected } from '../launcher/support/clients';
import { json, send } from '../launcher/support/http';
import { COMMAND, REPOSITORY, type RunningPod } from '../launcher/support/pod';
import { type Ending, startProgram } from '../support/program';
import { APP, startFixture, until, websocketClient } from './support/pod';

interface Who {
  pid: number;
  release: number;
  trustProxy: boolean;
}

let app: string;
let pod: RunningPod;
beforeEach(async () => {
  app = mkdtempSync(join(tmpdir(), 'reload-'));
  cpSync(APP, app, { recursive: true });
  symlinkSync(join(REPOSITORY, 'node_modules'), join(app, 'node_modules'));
  deploy('module.exports = { custom: { release: 1 } };');
  pod = await startFixture({ app, workers: 2, args: ['--unavailable-after', '0'] });
});
afterEach(async () => {
  await pod.stop();
  rmSync(app, { recursive: true, force: true });
});

/** What changes from release to release. */
function deploy(config: string): void {
  writeFileSync(join(app, 'config', 'zz-release.js'), config);
}

/** `flotilla reload`. */
function reloadCommand(of: RunningPod): Promise<Ending> {
  const args = [COMMAND, 'reload', '--pod', String(of.program.pid), '--json'];
  return startProgram(process.execPath, args, { cwd: REPOSITORY }).ended();
}

async function everyWorker(): Promise<Who[]> {
  const seen = new Map<number, Who>();
  // connections go to the worker with the fewest
  while (seen.size < 2) {
    const who = await json<Who>(`${pod.url}/whoami`);
    seen.set(who.pid, who);
  }
  return [...seen.values()];
}

describe('SIGHUP reloads', () => {
  test('C26: every worker is replaced, one by one, with no request refused and every client back', async () => {
    const clients = Array.from({ length: 20 }, () => websocketClient(pod, true));
    await Promise.all(clients.map(connected));
    const before = await everyWorker();
    expect(before.map(({ release }) => release)).toEqual([1, 1]);

    deploy('module.exports = { custom: { release: 2 }, http: { trustProxy: true } };');
    let isOver = false;
    const statuses: number[] = [];
    const asking = (async () => {
      while (!isOver) statuses.push((await send(`${pod.url}/whoami`)).status);
    })();
    process.kill(pod.program.pid, 'SIGHUP');
    await pod.logged(/reload: done/);
    isOver = true;
    await asking;

    expect(statuses.length).toBeGreaterThan(0);
    expect(new Set(statuses)).toEqual(new Set([200]));
    await until(() => clients.every((client) => client.connected));
    for (const client of clients) client.close();
    const after = await everyWorker();
    expect(after.map(({ release, trustProxy }) => [release, trustProxy])).toEqual([
      [2, true],
      [2, true],
    ]);
    const story = pod.log().flatMap(({ msg }) => /^(worker ready|worker stopped)/.exec(msg)?.[1] ?? []);
    const [ready, stopped] = ['worker ready', 'worker stopped'];
    expect(story).toEqual([ready, ready, ready, stopped, ready, stopped]);
  });

  test('a release that does not lift stops the reload with the reason, the old workers stay, and the next reload works', async () => {
    const before = await everyWorker();
    deploy('module.exports = { bootstrap: () => { throw new Error("release 2 is broken"); } };');
    process.kill(pod.program.pid, 'SIGHUP');
    const [stopped] = await pod.logged(/The reload stopped/);
    expect(stopped?.code).toBe('E_REPLACEMENT');
    expect(stopped?.msg).toMatch(/after 0 of 2 workers: worker 3 did not lift: .*release 2 is broken/);
    const pids = (who: Who[]) => who.map(({ pid }) => pid).sort();
    expect(pids(await everyWorker())).toEqual(pids(before));

    deploy('module.exports = { custom: { release: 3 } };');
    const { code, output } = await reloadCommand(pod);
    expect([code, JSON.parse(output).replaced]).toEqual([0, 2]);
    expect((await everyWorker()).map(({ release }) => release)).toEqual([3, 3]);
  });

  test('settings that only a restart can apply stop the reload with their name', async () => {
    deploy('module.exports = { sockets: { path: "/elsewhere" } };');
    const { code, output } = await reloadCommand(pod);
    expect(code).toBe(1);
    expect(JSON.parse(output).error.message).toContain(
      'socketPath is "/elsewhere" here and "/socket.io" in the workers before',
    );
    expect((await send(`${pod.url}/whoami`)).status).toBe(200);
  });
});
