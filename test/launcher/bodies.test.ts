import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connected, scatteringClient, virtual } from './support/clients';
import { json, RawConnection, type Sending, send, sha256 } from './support/http';
import { type RunningPod, startPod } from './support/pod';

interface Hashed {
  length: number;
  hash: string;
}

const SIZES = [1_000, 60_000, 200_000, 2_000_000, 50_000_000];

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

describe('C18: request bodies through the launcher', () => {
  let pod: RunningPod;
  const hash = (sending: Sending) => json<Hashed>(`${pod.url}/hash`, { method: 'POST', ...sending });
  beforeAll(async () => {
    pod = await startPod({ workers: 2 });
  }, 60_000);
  afterAll(() => pod?.stop());

  test.each(SIZES)('C18: %i random bytes arrive byte-equal, with a length and in chunks', async (size) => {
    const body = randomBytes(size);
    const expected = { length: size, hash: sha256(body) };
    expect(await hash({ body, headers: { 'Content-Length': size } })).toEqual(expected);
    expect(await hash({ body, headers: { 'Transfer-Encoding': 'chunked' } })).toEqual(expected);
  });

  test('C18: Expect: 100-continue', async () => {
    const body = randomBytes(200_000);
    expect(await hash({ body, headers: { Expect: '100-continue', 'Content-Length': body.length } })).toEqual({
      length: body.length,
      hash: sha256(body),
    });
  });

  test('C18: a body that drips, and headers split over two writes', async () => {
    const body = randomBytes(60_000);
    const write = async (push: (chunk: Buffer) => void) => {
      for (let at = 0; at < body.length; at += 6_000) {
        push(body.subarray(at, at + 6_000));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    expect(await hash({ write })).toEqual({ length: body.length, hash: sha256(body) });

    const connection = new RawConnection(pod.port);
    connection.write('POST /hash HTTP/1.1\r\nHost: x\r\nContent-');
    await new Promise((resolve) => setTimeout(resolve, 50));
    connection.write('Length: 5\r\n\r\nhello');
    await connection.receives(new RegExp(sha256('hello')));
    connection.close();
  });

  test('C18: 20 at once leave the memory of the primary flat', async () => {
    const before = residentBytes(pod.program.pid);
    const bodies = Array.from({ length: 20 }, () => randomBytes(2_000_000));
    const answers = await Promise.all(bodies.map((body) => hash({ body })));
    expect(answers).toEqual(bodies.map((body) => ({ length: body.length, hash: sha256(body) })));
    expect(residentBytes(pod.program.pid) - before).toBeLessThan(20_000_000);
  });

  test('C18: a client that resets half way, of its own request or of one for another worker, costs nobody else anything', async () => {
    const connection = new RawConnection(pod.port);
    connection.write(`POST /hash HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(500_000)}`);
    await new Promise<void>((resolve) => connection.socket.write('', () => resolve()));
    connection.socket.resetAndDestroy();
    for (let round = 0; round < 4; round++) expect((await send(`${pod.url}/whoami`)).status).toBe(200);
  });

  test('C18: 500 kB posted by a polling client, and 3 MB answered to it, whichever worker its requests reach', async () => {
    const client = scatteringClient(pod.url, { transports: ['polling'] });
    await connected(client);
    const text = randomBytes(250_000).toString('hex');
    const answer = new Promise<Hashed>((resolve) => {
      client.emit('post', { method: 'post', url: '/hash', headers: {}, data: { text } }, (jwr: { body: Hashed }) =>
        resolve(jwr.body),
      );
    });
    expect(await answer).toEqual({ length: text.length, hash: sha256(text) });
    const long = await virtual<{ text: string }>(client, 'get', '/text?length=3000000');
    expect(long.text).toHaveLength(3_000_000);
    client.close();
  });

  test('C18: a 50 MB response to a slow reader is whole, and held by back-pressure', async () => {
    const before = residentBytes(pod.program.pid);
    const { socket } = new RawConnection(pod.port);
    socket.removeAllListeners('data');
    socket.pause();
    socket.write('GET /big?bytes=50000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    let length = 0;
    let pauses = 0;
    socket.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (pauses < 20 && length > pauses * 2_000_000) {
        pauses++;
        socket.pause();
        setTimeout(() => socket.resume(), 20);
      }
    });
    const ended = new Promise((resolve) => socket.once('end', resolve));
    socket.resume();
    await ended;
    socket.destroy();
    expect(length).toBeGreaterThan(50_000_000);
    expect(residentBytes(pod.program.pid) - before).toBeLessThan(20_000_000);
  });
});
