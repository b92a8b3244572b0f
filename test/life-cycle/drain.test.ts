import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Socket } from 'socket.io-client';
import io2 from 'socket.io-client-2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseOwner, workerTag } from '../../dist/bus/ids';
import { connected, scatteringClient } from '../launcher/support/clients';
import { upgrade as askForWebsocket, send } from '../launcher/support/http';
import { linesOf, type RunningPod, startCommand } from '../launcher/support/pod';
import { APP, disconnected, request, startFixture, websocketClient } from './support/pod';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'life-cycle-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('C26: SIGTERM drains', () => {
  test('C26: it goes on for the delay, closes sockets in batches, answers what is in flight, and exits 0', async () => {
    const pod = await startFixture({
      workers: 1,
      args: ['--drain-delay', '2000', '--drain-window', '3000', '--grace', '20000'],
      env: { FIXTURE_FLOTILLA: '{"drainHint":true}' },
    });
    const clients: Socket[] = [];
    for (let index = 0; index < 120; index++) {
      clients.push(
        index % 4 ? websocketClient(pod) : scatteringClient(pod.url, { transports: ['polling'], reconnection: false }),
      );
    }
    await Promise.all(clients.map(connected));
    const hints = clients.map(
      (client) => new Promise<{ retryAfterMs: number }>((resolve) => client.once('flotilla:drain', resolve)),
    );
    const old = io2(pod.url, {
      transports: ['websocket'],
      reconnection: false,
      query: { __sails_io_sdk_version: '1.2.1' },
    });
    await new Promise((resolve) => old.on('connect', resolve));
    const oldHears: string[] = [];
    old.on('flotilla:drain', () => oldHears.push('hint'));
    const oldEnds = new Promise<string>((resolve) => old.on('disconnect', resolve));

    const [, busy] = clients as [Socket, Socket];
    const virtualGate = join(folder, 'virtual');
    const httpGate = join(folder, 'http');
    const virtualAnswer = request(busy, `/slow?until=${virtualGate}`);
    const agent = new Agent({ keepAlive: true });
    const httpAnswer = send(`${pod.url}/slow?until=${httpGate}`, { agent });
    await pod.program.says(/(fixture: slow request[\s\S]*){2}/);

    const ends = clients.map(disconnected);
    const ending = pod.stop();
    await pod.logged(/draining: taking connections/);
    expect((await send(`${pod.url}/whoami`)).status).toBe(200);
    expect(clients.every((client) => client.connected)).toBe(true);

    await Promise.race(ends);
    const still = clients.filter((client) => client.connected && client !== busy);
    expect(still.length).toBeGreaterThan(0);
    expect((await Promise.race(still.map((client) => request(client, '/whoami')))).statusCode).toBe(200);
    await expect(send(`${pod.url}/whoami`)).rejects.toThrow('ECONNREFUSED');

    await Promise.all(ends.filter((_end, index) => index !== 1));
    expect(busy.connected).toBe(true);
    writeFileSync(virtualGate, '');
    expect((await virtualAnswer).statusCode).toBe(200);
    writeFileSync(httpGate, '');
    const { status, headers } = await httpAnswer;
    expect([status, headers.connection]).toEqual([200, 'close']);

    expect((await ending).code).toBe(0);
    // "io server disconnect" would keep clients from coming back
    for (const reason of await Promise.all(ends)) expect(reason).toMatch(/transport/);
    // a polling client whose poll was not waiting finds no listener to fetch it from
    const heard = await Promise.all(hints.filter((_hint, index) => index % 4));
    for (const { retryAfterMs } of heard) expect(retryAfterMs).toBeLessThanOrEqual(1000);
    expect(await oldEnds).toMatch(/transport/);
    expect(oldHears).toEqual([]);
    expect(pod.program.output().match(/fixture: farewell/g)).toHaveLength(121);
    const said = pod.log().map(({ msg }) => msg);
    expect(said).toContain('draining: 121 of 121 sockets left');
    expect(said).toContain('draining: 0 of 121 sockets left');
    expect(said.some((line) => /did not stop within/.test(line))).toBe(false);
    agent.destroy();
  });

  test('the hint is opt-in, and a second signal ends everything at once', async () => {
    const pod = await startFixture({ workers: 1, args: ['--grace', '60000'] });
    const client = websocketClient(pod);
    await connected(client);
    const heard: string[] = [];
    client.onAny((event: string) => heard.push(event));
    const bystander = websocketClient(pod);
    await connected(bystander);
    bystander.onAny((event: string) => heard.push(event));
    void request(client, `/slow?until=${join(folder, 'never')}`);
    await pod.program.says(/fixture: slow request/);
    const end = disconnected(bystander);
    void pod.stop();
    await end;
    expect((await pod.stop()).code).toBe(1);
    expect(heard).toEqual([]);
    client.close();
  });

  test('requests that come while sockets are waited for get a 503 JWR', async () => {
    const pod = await startFixture({ workers: 1 });
    const client = websocketClient(pod);
    const bystander = websocketClient(pod);
    await Promise.all([client, bystander].map(connected));
    const gate = join(folder, 'late');
    const slow = request(client, `/slow?until=${gate}`);
    await pod.program.says(/fixture: slow request/);
    const ending = pod.stop();
    await disconnected(bystander);
    let answer = await request(client, '/whoami');
    while (answer.statusCode === 200) answer = await request(client, '/whoami');
    expect([answer.statusCode, answer.body.code]).toEqual([503, 'E_LOWERING']);
    writeFileSync(gate, '');
    expect((await slow).statusCode).toBe(200);
    expect((await ending).code).toBe(0);
  });

  describe('a proxy that has a connection to a draining worker sends a handshake over it', () => {
    const HANDSHAKE = '/socket.io/?EIO=4&__sails_io_sdk_version=1.2.1&transport=';

    /** A worker that drains until the gate opens, with two connections that are still open. */
    async function drainingPod(begin: (pod: RunningPod) => void) {
      const pod = await startFixture({ workers: 1, args: ['--grace', '20000'] });
      const agents = [1, 2].map(() => new Agent({ keepAlive: true, maxSockets: 1 }));
      for (const agent of agents) await send(`${pod.url}/whoami`, { agent });
      const bystander = websocketClient(pod);
      await connected(bystander);
      const gate = join(folder, `gate ${pod.port}`);
      const slow = send(`${pod.url}/slow?until=${encodeURIComponent(gate)}`);
      await pod.program.says(/fixture: slow request/);
      begin(pod);
      await disconnected(bystander);
      return {
        pod,
        poll: () => send(`${pod.url}${HANDSHAKE}polling`, { agent: agents[0] as Agent }),
        upgrade: () => askForWebsocket(`${pod.url}${HANDSHAKE}websocket`, agents[1]),
        end: async () => {
          writeFileSync(gate, '');
          expect((await slow).status).toBe(200);
          await pod.stop();
          for (const agent of agents) agent.destroy();
        },
      };
    }

    test('in a reload the worker that takes its place begins the session, by polling and as a websocket', async () => {
      const { poll, upgrade, end } = await drainingPod((pod) => process.kill(pod.program.pid, 'SIGHUP'));
      const { status, body } = await poll();
      expect([status, body.toString()[0]]).toEqual([200, '0']);
      const { sid } = JSON.parse(body.toString().slice(1)) as { sid: string };
      expect(parseOwner(sid)?.worker).toBe(workerTag(2));
      expect(await upgrade()).toEqual({ status: 101, first: expect.stringMatching(/0\{"sid"/) });
      await end();
    });

    test('in a stop it is told with 503 to try again, not with 400 or 403 that it is wrong', async () => {
      const { poll, upgrade, end } = await drainingPod((pod) => void pod.stop());
      const { status, headers, body } = await poll();
      expect([status, headers['retry-after'], JSON.parse(body.toString()).code]).toEqual([503, '1', 'E_LOWERING']);
      expect((await upgrade()).status).toBe(503);
      await end();
    });
  });

  test('C26: a grace that is not longer than delay and window together is refused, naming all three', async () => {
    const program = startCommand({
      app: APP,
      args: ['--grace', '1000', '--drain-delay', '600', '--drain-window', '400'],
    });
    const { code } = await program.ended();
    const [line] = linesOf(program).slice(-1);
    expect([code, line?.code]).toEqual([1, 'E_LAUNCH_SETTING']);
    expect(line?.msg).toContain('--grace is 1000 ms, --drain-delay 600 ms, --drain-window 400 ms');
  });
});
