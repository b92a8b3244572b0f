import { existsSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { connected, scatteringClient } from './support/clients';
import { json, send } from './support/http';
import { linesOf, startCommand, startPod } from './support/pod';
import { isAlive, LEVEL_FATAL, outliveDeaths, readyPids, until } from './support/worker-deaths';

describe('C20: the primary outlives its workers', () => {
  test('C20: three kills under 40 clients, then all workers at once: same primary, 503 then 200, all clients back', async () => {
    await outliveDeaths({ kills: 3, clients: 40 });
  });

  test('C20: a bootstrap that throws ends the pod, soon, with the reason and exit code 1', async () => {
    const program = startCommand({ env: { FIXTURE_BOOTSTRAP: 'throw' } });
    const { code } = await program.ended();
    const fatal = linesOf(program).find(({ level }) => level === LEVEL_FATAL);
    expect(code).toBe(1);
    expect(fatal?.code).toBe('E_CRASH_LOOP');
    expect(fatal?.msg).toContain('the bootstrap of this fixture throws');
    expect(program.output().match(/"worker started"/g)).toHaveLength(3);
  });

  test('C20: a worker that exits during its lift ends the pod too', async () => {
    const program = startCommand({ env: { FIXTURE_BOOTSTRAP: 'exit' } });
    const { code } = await program.ended();
    expect(code).toBe(1);
    expect(linesOf(program).find(({ level }) => level === LEVEL_FATAL)?.msg).toContain('exited with code 7');
  });

  test('C20: while the first lift takes long, requests are answered 503 with Retry-After, none hangs', async () => {
    const pod = await startPod({
      workers: 1,
      listeningOnly: true,
      args: ['--unavailable-after', '100'],
      env: { FIXTURE_BOOTSTRAP_MS: '3000' },
    });
    const early = await Promise.all(Array.from({ length: 20 }, () => send(`${pod.url}/whoami`)));
    expect(early.map(({ status }) => status)).toEqual(Array(20).fill(503));
    expect(early[0]?.headers['retry-after']).toBe('1');
    await pod.logged(/worker ready/);
    expect((await send(`${pod.url}/whoami`)).status).toBe(200);
    await pod.stop();
  });

  test('C20: a connection that waits for a worker for less than the bound is served by it', async () => {
    const pod = await startPod({
      workers: 1,
      listeningOnly: true,
      args: ['--unavailable-after', '60000'],
      env: { FIXTURE_BOOTSTRAP_MS: '500' },
    });
    expect((await send(`${pod.url}/whoami`)).status).toBe(200);
    await pod.stop();
  });

  test('a worker that ends itself is replaced under a new number; the delays grow', async () => {
    const pod = await startPod({ workers: 1, args: ['--unavailable-after', '60000'] });
    for (let round = 1; round <= 3; round++) {
      await send(`${pod.url}/exit`, { method: 'POST' }).catch(() => undefined);
      await pod.logged(/worker ready/, round + 1);
      expect((await json<{ worker: string }>(`${pod.url}/whoami`)).worker).toBe(String(round + 1));
    }
    const delays = pod.log().flatMap(({ msg }) => /exited with code 3.* in (\d+) ms/.exec(msg)?.[1] ?? []);
    expect(delays).toEqual(['100', '200', '400']);
    await pod.stop();
  });

  test('a worker with other settings is refused, and the pod goes on without it', async () => {
    const pod = await startPod({ workers: 2, listeningOnly: true, env: { FIXTURE_DIFFERS: '1' } });
    const [line] = await pod.logged(/settings differ/);
    expect(line?.msg).toContain('explicitHost is "localhost" here and null in the workers before');
    expect((await send(`${pod.url}/whoami`)).status).toBe(200);
    await pod.stop();
  });

  test('a busy port is told in one line', async () => {
    const busy = createServer();
    await new Promise<void>((resolve) => busy.listen(0, resolve));
    const { port } = busy.address() as AddressInfo;
    const program = startCommand({ args: ['--port', String(port)] });
    const { code } = await program.ended();
    busy.close();
    expect(code).toBe(1);
    const fatal = linesOf(program).filter(({ level }) => level === LEVEL_FATAL);
    expect(fatal.map((line) => line.code)).toEqual(['E_PORT_BUSY']);
    expect(fatal[0]?.msg).toContain(`port ${port} is taken`);
  });
});

describe('C22: stopping', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'C22: %s to the whole group stops every worker in order, with clients connected, and leaves nothing behind',
    async (signal) => {
      const pod = await startPod({ workers: 3 });
      const { directory } = await json<{ directory: string }>(`${pod.url}/whoami`);
      expect(existsSync(directory)).toBe(true);
      const websocket = scatteringClient(pod.url, { transports: ['websocket'] });
      const polling = scatteringClient(pod.url, { transports: ['polling'] });
      await Promise.all([connected(websocket), connected(polling)]);
      const ends = [websocket, polling].map(
        (client) => new Promise<string>((resolve) => client.once('disconnect', resolve)),
      );
      const pids = readyPids(pod);
      expect(pids).toHaveLength(3);
      // Ctrl-C reaches every process of the group
      for (const pid of pids) process.kill(pid, signal);
      const { code } = await pod.stop(signal);
      expect(code).toBe(0);
      expect(pids.filter(isAlive)).toEqual([]);
      // "io server disconnect" would keep clients from coming back
      for (const reason of await Promise.all(ends)) expect(reason).toMatch(/transport/);
      expect(existsSync(directory)).toBe(false);
      expect(pod.log().some(({ msg }) => msg.includes('did not stop within'))).toBe(false);
    },
  );

  test('a worker ignores the signals of its process group', async () => {
    const pod = await startPod({ workers: 2 });
    const pids = readyPids(pod);
    for (const pid of pids) for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.kill(pid, signal);
    for (let round = 0; round < 4; round++) expect((await send(`${pod.url}/whoami`)).status).toBe(200);
    expect(pids.filter(isAlive)).toHaveLength(2);
    await pod.stop();
  });

  test('workers end when their primary is killed, and clean up for it', async () => {
    const pod = await startPod({ workers: 2 });
    const { directory } = await json<{ directory: string }>(`${pod.url}/whoami`);
    const pids = readyPids(pod);
    await pod.stop('SIGKILL');
    await until(() => pids.every((pid) => !isAlive(pid)));
    expect(existsSync(directory)).toBe(false);
  });

  test('a worker that does not stop within the grace time is killed', async () => {
    const pod = await startPod({ workers: 1, args: ['--grace', '200'] });
    const [pid] = readyPids(pod) as [number];
    process.kill(pid, 'SIGSTOP');
    const { code } = await pod.stop();
    expect(code).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });

  test('a stop during the lift ends at once', async () => {
    const pod = await startPod({ workers: 1, listeningOnly: true, env: { FIXTURE_BOOTSTRAP_MS: '60000' } });
    expect((await pod.stop()).code).toBe(0);
  });

  test('after the stop nothing listens on the port', async () => {
    const pod = await startPod({ workers: 1 });
    await pod.stop();
    const refused = await new Promise<string>((resolve) => {
      connect({ port: pod.port, host: '127.0.0.1' }).once('error', (error: NodeJS.ErrnoException) =>
        resolve(error.code ?? ''),
      );
    });
    expect(refused).toBe('ECONNREFUSED');
  });
});
