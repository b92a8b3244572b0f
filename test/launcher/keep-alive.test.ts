import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connected, inBatches, scatteringClient, virtual } from './support/clients';
import { json, RawConnection, send, sha256 } from './support/http';
import { hasNginx, startNginx } from './support/nginx';
import { type RunningPod, startPod } from './support/pod';
import { openSession, openSessionsOnTwoWorkers } from './support/sessions';

describe('many clients on one connection', () => {
  let pod: RunningPod;
  const hostHeaders = 'Host: x\r\n';
  beforeAll(async () => {
    // sessions spoken by hand answer no pings
    pod = await startPod({ workers: 2, env: { sails_sockets__pingInterval: '60000' } });
  }, 60_000);
  afterAll(() => pod?.stop());

  test('C19: one kept-open connection carries the polls of sessions on two workers, and pages', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const [first, second] = await openSessionsOnTwoWorkers(pod.url);
    const answers = [
      await first.post('40', agent),
      await second.post('40', agent),
      await first.poll(agent),
      await second.poll(agent),
      await send(`${pod.url}/whoami`, { agent }),
    ];
    agent.destroy();
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(answers.slice(0, 2).map(({ body }) => body.toString())).toEqual(['ok', 'ok']);
    // each poll answers with the namespace's connect packet
    for (const poll of answers.slice(2, 4)) expect(poll.body.toString()).toMatch(/^40\{"sid":/);
    expect(new Set(answers.map(({ localPort }) => localPort)).size).toBe(1);
    expect(answers.map(({ headers }) => headers.connection)).not.toContain('close');
  });

  test('pipelined requests of sessions on two workers are answered in their order', async () => {
    const [first, second] = await openSessionsOnTwoWorkers(pod.url);
    const connection = new RawConnection(pod.port);
    const request = (url: string, body: string) => {
      const { pathname, search } = new URL(url);
      return `POST ${pathname}${search} HTTP/1.1\r\n${hostHeaders}Content-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    };
    connection.write(
      `GET /slow?ms=100 HTTP/1.1\r\n${hostHeaders}\r\n${request(first.url, '40')}${request(second.url, '40')}GET /whoami HTTP/1.1\r\n${hostHeaders}\r\n`,
    );
    await connection.receives(/slow[\s\S]*\r\n\r\nok[\s\S]*\r\n\r\nok[\s\S]*"worker"/);
    connection.close();
    for (const session of [first, second]) expect((await session.poll()).body.toString()).toMatch(/^40\{/);
  });

  test('a chunked poll, and one that expects 100-continue, reach the other worker whole', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sessions = await openSessionsOnTwoWorkers(pod.url);
    for (const { url, poll } of sessions) {
      const chunked = {
        method: 'POST',
        agent,
        headers: { 'Transfer-Encoding': 'chunked', 'Content-Type': 'text/plain' },
      };
      expect((await send(url, { ...chunked, body: '40' })).body.toString()).toBe('ok');
      expect((await poll(agent)).body.toString()).toMatch(/^40\{/);
      const headers = { Expect: '100-continue', 'Content-Length': 2, 'Content-Type': 'text/plain' };
      expect((await send(url, { method: 'POST', agent, headers, body: '41' })).status).toBe(200);
    }
    agent.destroy();
  });

  test('a client that closes its half of the connection after a request is treated as by Node itself: nothing hangs', async () => {
    const [first, second] = await openSessionsOnTwoWorkers(pod.url);
    for (const { url } of [first, second]) {
      const { pathname, search } = new URL(url);
      const connection = new RawConnection(pod.port);
      connection.socket.end(`GET ${pathname}${search} HTTP/1.1\r\n${hostHeaders}\r\n`);
      await connection.ends();
      connection.close();
    }
    expect((await send(`${pod.url}/whoami`)).status).toBe(200);
  });

  test('a poll that the client gives up is given up at its worker: the next poll of the session is not a second one', async () => {
    for (const session of await openSessionsOnTwoWorkers(pod.url)) {
      await session.post('40');
      await session.poll();
      const { pathname, search } = new URL(session.url);
      const connection = new RawConnection(pod.port);
      connection.write(`GET ${pathname}${search} HTTP/1.1\r\n${hostHeaders}\r\n`);
      await send(`${pod.url}/whoami`);
      connection.socket.resetAndDestroy();
      // Engine.IO ends a session whose poll was cut; what it must not be is waited for
      const answer = await session.poll();
      expect([200, 400]).toContain(answer.status);
    }
  });

  test('a poll for a worker that is gone is answered with a close packet, an upgrade with a closed websocket', async () => {
    const session = await openSession(pod.url);
    const gone = `${session.id.slice(0, 4)}__${session.id.slice(6)}`;
    const url = session.url.replace(session.id, gone);
    const poll = await send(url);
    expect([poll.status, poll.body.toString()]).toEqual([200, '1']);
    const old = await send(url.replace('EIO=4', 'EIO=3'));
    expect([old.status, old.body.toString()]).toEqual([200, '1:1']);
    const jsonp = await send(`${url}&j=3`);
    expect([jsonp.status, jsonp.body.toString()]).toEqual([200, '___eio[3]("1");']);
    const post = await send(url, { method: 'POST', body: 'x'.repeat(100_000) });
    expect(post.status).toBe(200);

    const connection = new RawConnection(pod.port);
    const { pathname, search } = new URL(url.replace('polling', 'websocket'));
    connection.write(
      `GET ${pathname}${search} HTTP/1.1\r\n${hostHeaders}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
    expect(await connection.ends()).toMatch(
      /^HTTP\/1\.1 101 [\s\S]*Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n\r\n[^\n]{4}$/,
    );
    connection.close();
  });

  test('a poll for a session that its worker has ended is answered with a close packet, through whichever worker', async () => {
    const session = await openSession(pod.url);
    await session.post('1');
    const late = await inBatches(8, 4, (index) => (index % 2 ? session.poll() : session.post('3')));
    expect(late.map(({ status, body }) => [status, body.toString()])).toEqual(late.map(() => [200, '1']));
  });

  test('an upgrade that follows another request on its connection, its first frame in the same packet', async () => {
    for (const session of await openSessionsOnTwoWorkers(pod.url)) {
      const { pathname, search } = new URL(session.url.replace('polling', 'websocket'));
      const connection = new RawConnection(pod.port);
      const probe = frame('2probe');
      connection.write(
        `GET /slow?ms=50 HTTP/1.1\r\n${hostHeaders}\r\nGET ${pathname}${search} HTTP/1.1\r\n${hostHeaders}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n${probe}`,
      );
      await connection.receives(/slow[\s\S]*HTTP\/1\.1 101 [\s\S]*3probe/);
      connection.close();
    }
  });

  test('200 upgrades at once whose first frame comes while the connection is handed over: no byte is lost', async () => {
    const sessions = await inBatches(200, 20, () => openSession(pod.url));
    const connections = sessions.map(({ url }) => {
      const { pathname, search } = new URL(url.replace('polling', 'websocket'));
      const connection = new RawConnection(pod.port);
      connection.socket.setNoDelay(true);
      connection.write(
        `GET ${pathname}${search} HTTP/1.1\r\n${hostHeaders}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
      );
      return connection;
    });
    // byte by byte over the time that handing over takes; no client of Engine.IO is that early, but nothing may be lost
    const dripping = connections.map(async (connection) => {
      for (const byte of frame('2probe')) {
        connection.write(byte);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    await Promise.all(dripping);
    await Promise.all(connections.map((connection) => connection.receives(/101 [\s\S]*3probe/)));
    for (const connection of connections) connection.close();
  });

  // nginx is no requirement of the tests; the case above is the same with a client of Node's
  if (hasNginx()) {
    test('C19: behind nginx with a pool of kept-open connections, 50 polling clients see no 400', async () => {
      const nginx = await startNginx(pod.port);
      const clients = Array.from({ length: 50 }, () => scatteringClient(nginx.url, { transports: ['polling'] }));
      await Promise.all(clients.map(connected));
      const workers = await Promise.all(
        clients.map(async (client) => {
          for (let round = 0; round < 20; round++) await virtual(client, 'get', '/address');
          return (await virtual<{ worker: string }>(client, 'get', '/address')).worker;
        }),
      );
      for (const client of clients) client.close();
      expect(new Set(workers)).toEqual(new Set(['1', '2']));
      const statuses = nginx.statuses();
      await nginx.stop();
      expect(statuses.length).toBeGreaterThan(2_000);
      // 404 is the page that was asked for to see that nginx is up; 499 a poll that a closing client gave up
      expect(statuses.filter((status) => !['200', '404', '499'].includes(status))).toEqual([]);
    });
  }

  test('bodies on a kept-open connection do not mix', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const bodies = ['a', 'b'.repeat(100_000), 'c'];
    const answers = await Promise.all(
      bodies.map((body) => json<{ hash: string }>(`${pod.url}/hash`, { method: 'POST', agent, body })),
    );
    agent.destroy();
    expect(answers.map(({ hash }) => hash)).toEqual(bodies.map(sha256));
  });
});

/** A masked text frame of the WebSocket protocol, with a mask of zeros. */
function frame(text: string): string {
  return `\x81${String.fromCharCode(0x80 | text.length)}\0\0\0\0${text}`;
}
