import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connected, scatteringClient, virtual } from '../launcher/support/clients';
import { COMMAND, FIXTURE, REPOSITORY } from '../launcher/support/pod';
import { type OpsPod, startOpsPod } from '../ops/support/ops-pod';
import { startProgram } from '../support/program';
import { RedisServer } from '../support/redis-server';
import { flotilla } from './support';

/** Arguments without what connection state recovery adds for clients of Socket.IO 4 (docs/delivery.md). */
function withoutOffset(args: unknown[]): unknown[] {
  const last = args.at(-1);
  return typeof last === 'string' && last.charCodeAt(0) === 1 ? args.slice(0, -1) : args;
}

describe('with a pod that runs here', () => {
  let pod: OpsPod;
  const run = (...args: string[]) => flotilla(args, pod);

  beforeAll(async () => {
    pod = await startOpsPod({ workers: 2, args: ['--pod-name', 'harbour'] });
  });
  afterAll(() => pod?.stop());

  it('status finds it by itself, and tells how it is', async () => {
    const { code, output } = await run('status');
    expect(code).toBe(0);
    expect(output).toMatch(/^harbour {2}ready/);
    expect(output).toContain('2 of 2 workers are ready');
    expect(output).toMatch(/WORKER +PID +STATE +SOCKETS/);
    expect(output).toContain('harbour (this one)');
    // what is no terminal may be a log
    expect(output).not.toContain(pod.token);
    expect(output).not.toContain('\x1b');
  });

  it('status --json', async () => {
    const { code, output } = await run('status', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({
      pod: {
        name: 'harbour',
        phase: 'up',
        appPath: FIXTURE,
        wantedWorkers: 2,
        url: expect.stringContaining(`:${pod.port}`),
      },
      readiness: { checks: { workers: { status: 'ok' } } },
      workers: [
        { place: 1, state: 'ready' },
        { place: 2, state: 'ready' },
      ],
      fleet: [{ name: 'harbour' }],
    });
  });

  it.each([['harbour'], [FIXTURE]])('--pod %s names it, by address too', async (name) => {
    expect((await run('status', '--pod', name)).code).toBe(0);
    expect((await flotilla(['status', '--url', pod.ops.replace('http://', '')])).code).toBe(0);
    const other = await run('status', '--pod', 'lighthouse');
    expect([other.code, other.output]).toEqual([
      3,
      expect.stringContaining('No pod "lighthouse" runs on this machine'),
    ]);
    expect(other.output).toContain('harbour (process');
  });

  it('top, without a terminal, prints one table after the other', async () => {
    const { code, output } = await run('top', '--count', '2', '--interval', '100');
    expect(code).toBe(0);
    expect(output.match(/WORKER +PID/g)).toHaveLength(2);
    expect(output).not.toContain('\x1b');
    const lines = (await run('top', '--json', '--count', '2', '--interval', '100')).output.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).pod.name)).toEqual(['harbour', 'harbour']);
  });

  it('send reaches a room without Redis, with data and without', async () => {
    const sockets = [scatteringClient(pod.url), scatteringClient(pod.url)];
    for (const socket of sockets) {
      await connected(socket);
      await virtual(socket, 'post', '/room');
    }
    const heard = sockets.map(
      (socket) => new Promise((resolve) => socket.once('tide', (...args) => resolve(withoutOffset(args)))),
    );
    const sent = await run('send', 'crowd', 'tide', '{"height":2}');
    expect([sent.code, sent.output]).toEqual([0, 'sent "tide" to the room "crowd"\n']);
    expect(await Promise.all(heard)).toEqual([[{ height: 2 }], [{ height: 2 }]]);
    const bare = new Promise((resolve) => sockets[0]?.once('bell', (...args) => resolve(withoutOffset(args))));
    expect(JSON.parse((await run('send', 'crowd', 'bell', '--json')).output)).toMatchObject({
      via: pod.ops,
      room: 'crowd',
    });
    expect(await bare).toEqual([]);
    for (const socket of sockets) socket.disconnect();
  });

  it('data that is not JSON is refused with what to write, and exit code 2', async () => {
    const { code, output } = await run('send', 'crowd', 'tide', 'high');
    expect([code, output]).toEqual([2, expect.stringContaining(`'"hello"'`)]);
  });

  it('with the wrong token: exit code 4, and what to set', async () => {
    const outcome = await flotilla(['send', 'crowd', 'tide', '--url', pod.ops], {
      env: { FLOTILLA_OPS_TOKEN: 'wrong' },
    });
    expect([outcome.code, outcome.output]).toEqual([4, expect.stringContaining('set FLOTILLA_OPS_TOKEN')]);
  });

  it('several: they are listed, and --pod names one', async () => {
    const other = await startOpsPod({ workers: 1, args: ['--pod-name', 'lighthouse'], env: { TMPDIR: pod.temporary } });
    const { code, output } = await run('status');
    expect([code, output]).toEqual([2, expect.stringContaining('name one with --pod')]);
    expect(output).toMatch(/harbour \(process \d+/);
    expect(output).toMatch(/lighthouse \(process \d+/);
    expect((await run('status', '--pod', 'lighthouse')).output).toMatch(/^lighthouse/);
    // the one of a killed pod is forgotten
    await other.stop('SIGKILL');
    expect((await run('status')).code).toBe(0);
  });

  it('stop ends it, and tells when it has', async () => {
    const { code, output } = await run('stop', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ stopped: 'harbour', pid: pod.program.pid });
    expect((await pod.program.ended()).code).toBe(0);
    const after = await run('status', '--json', '--url', pod.ops);
    expect(after.code).toBe(3);
    expect(JSON.parse(after.output)).toMatchObject({ error: { code: 'E_NO_POD' } });
  });
});

describe('without a pod', () => {
  it('an address where nobody answers, or somebody else: exit code 3', async () => {
    const nobody = await flotilla(['status', '--url', 'http://127.0.0.1:1']);
    expect([nobody.code, nobody.output]).toEqual([
      3,
      expect.stringContaining('No pod answers at http://127.0.0.1:1 ('),
    ]);
    const server = createServer((_request, response) => response.end('<html>'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const foreign = await flotilla(['stop', '--url', url]);
    expect([foreign.code, foreign.output]).toEqual([3, expect.stringContaining('is not the ops server of a pod')]);
    await new Promise((resolve) => server.close(resolve));
  });

  it.each([
    [['status', '--all'], "unknown option '--all'"],
    [['send', 'room'], "missing required argument 'event'"],
    [['top', '--interval', '1'], 'a whole number from 100'],
    [['status', '--url', 'http://['], 'is no address'],
  ])('%j: exit code 2', async (args, message) => {
    const { code, output } = await flotilla(args);
    expect([code, output]).toEqual([2, expect.stringContaining(message)]);
  });

  it.each(['status', 'top', 'stop', 'send', 'doctor'])('%s --help', async (command) => {
    const { code, output } = await flotilla([command, '--help']);
    expect([code, output]).toEqual([0, expect.stringContaining('--json')]);
  });
});

describe('send through Redis', () => {
  it.each(['redis', 'redis-streams'])('reaches a pod that it knows nothing of, over the link %s', async (link) => {
    const redis = await RedisServer.start();
    const pod = await startOpsPod({
      workers: 1,
      env: { FLOTILLA_REDIS_URL: redis.url, sails_flotilla__link: link },
    });
    const elsewhere = mkdtempSync(join(tmpdir(), 'fo-'));
    try {
      const socket = scatteringClient(pod.url, { transports: ['websocket'] });
      await connected(socket);
      await virtual(socket, 'post', '/room');
      const heard = new Promise((resolve) => socket.once('tide', resolve));
      const sent = await flotilla(['send', 'crowd', 'tide', '[1,2]', '--json'], {
        temporary: elsewhere,
        env: { FLOTILLA_REDIS_URL: redis.url, sails_flotilla__link: link },
      });
      expect([sent.code, JSON.parse(sent.output)]).toEqual([0, { room: 'crowd', event: 'tide', via: 'redis' }]);
      expect(await heard).toEqual([1, 2]);
      socket.disconnect();
    } finally {
      rmSync(elsewhere, { recursive: true, force: true });
      await pod.stop();
      await redis.stop();
    }
  });

  it('that is not there: nothing is sent, and it says so', async () => {
    const { code, output } = await flotilla(['send', 'crowd', 'tide', '--redis', 'redis://127.0.0.1:1']);
    expect([code, output]).toEqual([1, expect.stringContaining('nothing was sent')]);
  });
});

describe('top in a terminal', () => {
  let pod: OpsPod;
  beforeAll(async () => {
    pod = await startOpsPod({ workers: 1, args: ['--pod-name', 'harbour'] });
  });
  afterAll(() => pod?.stop());

  const ENTER = '\x1b[?1049h';
  const LEAVE = '\x1b[?1049l';
  /** Runs it in a terminal of its own, which `script` makes. */
  const inTerminal = (args: string, input = 'exec') =>
    startProgram(
      'sh',
      ['-c', `${input} script -qec "'${process.execPath}' '${COMMAND}' top --interval 100 ${args}" /dev/null`],
      { cwd: REPOSITORY, env: { TMPDIR: pod.temporary, FLOTILLA_OPS_URL: undefined, NO_COLOR: undefined } },
    );

  it('shows the pod on the other screen, and leaves the terminal as it was', async () => {
    const { output } = await inTerminal('--count 2').ended();
    expect(output.indexOf(ENTER)).toBe(0);
    expect(output).toContain('harbour  \x1b[32mready');
    expect(output).toMatch(/WORKER +PID +STATE/);
    expect(output.endsWith(LEAVE)).toBe(true);
  });

  it('q ends it', async () => {
    const { output, code } = await inTerminal('', '(sleep 1; printf q; sleep 5) |').ended();
    expect([code, output.endsWith(LEAVE)]).toEqual([0, true]);
  });

  it('watches on while the pod is away', async () => {
    const other = await startOpsPod({ workers: 1 });
    const top = inTerminal(`--url ${other.ops}`);
    await top.says(/WORKER/);
    await other.stop();
    await top.says(/No pod answers at/);
    await top.stop();
  });
});
