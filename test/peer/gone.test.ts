import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connected, scatteringClient } from '../launcher/support/clients';
import { send, upgrade } from '../launcher/support/http';
import type { RunningPod } from '../launcher/support/pod';
import { openSession } from '../launcher/support/sessions';
import { TestFleet } from './support/fleet';
import { startRoundRobin } from './support/round-robin';

const CLOSE_PACKET = '1';
/** The status of a websocket's close frame: 1000. */
const NORMAL_END = '\x03\xe8';

describe('a session that cannot be reached', () => {
  let fleet: TestFleet;
  let [a, b, stranger, closed, leaving]: RunningPod[] = [];

  beforeAll(async () => {
    fleet = await TestFleet.start([]);
    [a, b, stranger, closed, leaving] = await Promise.all([
      fleet.add('pod-a', { workers: 1, args: ['--grace', '30000', '--drain-delay', '20000'] }),
      fleet.add('pod-b', { workers: 1 }),
      fleet.add('stranger', { workers: 1, env: { FLOTILLA_PEER_SECRET: 'another secret' } }),
      fleet.add('closed', { workers: 1, env: { FLOTILLA_POD_IP: undefined, FLOTILLA_PEER_PORT: undefined } }),
      fleet.add('leaving', { workers: 1, args: ['--drain-window', '200'] }),
    ]);
    for (const pod of fleet.pods) await pod.logged(/joined the fleet/, 4);
  });
  afterAll(() => fleet?.stop());

  /** Polls a session of one pod at another. */
  const pollElsewhere = async (owner: RunningPod | undefined, at: RunningPod | undefined) => {
    const { url } = await openSession(owner?.url ?? '');
    return send(`${at?.url}/socket.io/?${url.split('?')[1]}`);
  };

  test('for want of the secret: 502, and both sides say why', async () => {
    expect((await pollElsewhere(stranger, a)).status).toBe(502);
    expect((await pollElsewhere(stranger, a)).status).toBe(502);
    await stranger?.logged(/refused a connection on the port for other pods/);
    await a?.program.says(/sessions of pod stranger cannot be passed on/);
    expect(a?.program.output().match(/sessions of pod stranger cannot be passed on.*different secrets/g)).toHaveLength(
      1,
    );
    // the wrong one is wrong in the other direction too
    expect((await pollElsewhere(a, stranger)).status).toBe(502);
  });

  test('for want of a port for other pods: the app answers, and the worker says why', async () => {
    expect((await pollElsewhere(closed, a)).status).toBe(400);
    await a?.program.says(/sessions of pod closed cannot be passed on.*FLOTILLA_POD_IP/);
    // it can pass on all the same
    const passed = await pollElsewhere(a, closed);
    expect([passed.status, passed.body.toString()[0]]).toEqual([200, '2']);
  });

  test('not so, where its worker is only slow to answer: the session goes on, as a poll and as an upgrade', async () => {
    const { id, url } = await openSession(b?.url ?? '');
    const ready = b?.log().find(({ msg }) => /worker ready/.test(msg));
    process.kill(ready?.pid as number, 'SIGSTOP');
    const at = `${a?.url}/socket.io/?`;
    const answers = Promise.all([
      send(at + url.split('?')[1]),
      upgrade(`${at}EIO=4&transport=websocket&__sails_io_sdk_version=1.2.1&sid=${id}`),
    ]);
    // longer than near pods need, and shorter than the patience
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    process.kill(ready?.pid as number, 'SIGCONT');
    const [poll, websocket] = await answers;
    expect([poll.status, poll.body.toString()[0], websocket]).toEqual([200, '2', { status: 101, first: '3probe' }]);
  });

  test('where the pod that passes it on stops before the answer: a close packet, a closed websocket, but never 200 for a message', async () => {
    const [{ id, url }, other] = await Promise.all([openSession(b?.url ?? ''), openSession(b?.url ?? '')]);
    const ready = b?.log().find(({ msg }) => /worker ready/.test(msg));
    process.kill(ready?.pid as number, 'SIGSTOP');
    const at = `${leaving?.url}/socket.io/?`;
    const answers = Promise.all([
      send(at + url.split('?')[1]),
      send(at + other.url.split('?')[1], { method: 'POST', body: '40' }),
      upgrade(`${at}EIO=4&transport=websocket&sid=${id}`),
    ]);
    const ops = leaving?.log().find(({ msg }) => /ops server on/.test(msg))?.port;
    const isPassed = async () =>
      /misrouted_requests_total\{.*"pod-poll".*\} 2$[\s\S]*"pod-tunnel".*\} 1$/m.test(
        await (await fetch(`http://127.0.0.1:${ops}/metrics`)).text(),
      );
    while (!(await isPassed())) await new Promise((resolve) => setTimeout(resolve, 20));
    const ending = leaving?.stop();
    const [poll, message, websocket] = await answers;
    expect([poll.status, poll.body.toString()]).toEqual([200, CLOSE_PACKET]);
    // its session lives, and the client would wait for the answer to it for ever
    expect(message.status).toBe(503);
    expect(websocket).toEqual({ status: 101, first: NORMAL_END });
    process.kill(ready?.pid as number, 'SIGCONT');
    expect((await ending)?.code).toBe(0);
  });

  test('since its worker is gone: a close packet, and for the upgrade a closed websocket', async () => {
    const session = await openSession(b?.url ?? '');
    const ready = b?.log().find(({ msg }) => /worker ready/.test(msg));
    process.kill(ready?.pid as number, 'SIGKILL');
    await b?.logged(/worker ready/, 2);
    const answer = await send(`${a?.url}/socket.io/?${session.url.split('?')[1]}`);
    expect([answer.status, answer.body.toString()]).toEqual([200, CLOSE_PACKET]);
    expect(await upgrade(`${a?.url}/socket.io/?EIO=4&transport=websocket&sid=${session.id}`)).toEqual({
      status: 101,
      first: NORMAL_END,
    });
  });

  test('C23: since its pod was killed: a close packet, and the client is back at another', async () => {
    const proxy = await startRoundRobin([a?.port ?? 0, b?.port ?? 0]);
    const session = await openSession(b?.url ?? '');
    const clients = Array.from({ length: 8 }, () =>
      scatteringClient(proxy.url, { transports: ['polling'], reconnection: true, reconnectionDelay: 50 }),
    );
    try {
      await Promise.all(clients.map(connected));
      const podOf = (id: string | undefined) => id?.slice(0, 4);
      const lost = clients.filter(({ io }) => podOf(io.engine.id) === podOf(session.id));
      expect(lost.length).toBeGreaterThan(0);
      const back = lost.map((client) => new Promise<void>((resolve) => client.once('connect', resolve)));
      const reasons = lost.map((client) => new Promise((resolve) => client.once('disconnect', resolve)));
      process.kill(b?.program.pid ?? 0, 'SIGKILL');
      await b?.program.ended();
      await Promise.all(back);
      for (const reason of await Promise.all(reasons)) expect(['transport close', 'transport error']).toContain(reason);
      const answer = await send(`${a?.url}/socket.io/?${session.url.split('?')[1]}`);
      expect([answer.status, answer.body.toString()]).toEqual([200, CLOSE_PACKET]);
      // a poll that was on its way through the killed pod cost its client the session, wherever that was
      await expect.poll(() => clients.every((client) => client.connected), { timeout: 20_000 }).toBe(true);
      expect(new Set(clients.map(({ io }) => podOf(io.engine.id))).size).toBe(1);
    } finally {
      for (const client of clients) client.close();
      await proxy.stop();
    }
  });

  test('C26: not while its pod drains: it is a member until its last session has ended', async () => {
    const { url } = await openSession(a?.url ?? '');
    process.kill(a?.program.pid ?? 0, 'SIGTERM');
    await a?.logged(/draining: taking connections/);
    const pong = await send(`${closed?.url}/socket.io/?${url.split('?')[1]}`, {
      method: 'POST',
      body: '3',
      headers: { 'Content-Type': 'text/plain' },
    });
    expect([pong.status, pong.body.toString()]).toEqual([200, 'ok']);
  });
});
