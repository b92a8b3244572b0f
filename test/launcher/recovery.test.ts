import { once } from 'node:events';
import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../dist/client/index.js';
import { type RunningPod, startPod } from './support/pod';

interface WhoAmI {
  pid: number;
}

let pod: RunningPod;
const open: { disconnect(): unknown }[] = [];

beforeAll(async () => {
  pod = await startPod({ workers: 2 });
});
afterEach(() => {
  for (const socket of open.splice(0)) socket.disconnect();
});
afterAll(() => pod?.stop());

/** Broadcasts to the room over HTTP, whichever worker takes the request; one that dies meanwhile is not counted. */
async function broadcast(n: number): Promise<boolean> {
  const response = await fetch(`${pod.url}/room?n=${n}`, { method: 'POST' }).catch(() => undefined);
  return response?.status === 200;
}

function stockClient(options: object = {}): Socket {
  const socket = io(pod.url, {
    forceNew: true,
    transports: ['websocket'],
    query: { __sails_io_sdk_version: '1.2.1' },
    reconnectionDelay: 300,
    ...options,
  });
  open.push(socket);
  return socket;
}

const virtual = (socket: Socket, method: 'get' | 'post', url: string) =>
  new Promise<WhoAmI>((resolve) =>
    socket.emit(method, { method, url, headers: {} }, ({ body }: { body: WhoAmI }) => resolve(body)),
  );

describe('connection state recovery, which is on under the launcher', () => {
  it('gives a client whose worker is killed its id, its rooms and what it has missed, in order', async () => {
    const socket = stockClient();
    await once(socket as never, 'connect');
    const { id } = socket;
    await virtual(socket, 'post', '/room');
    const { pid } = await virtual(socket, 'get', '/whoami');
    const heard: number[] = [];
    socket.on('news', ({ n }: { n: number }) => heard.push(n));

    const sent: number[] = [];
    let n = 0;
    const send = async () => {
      n += 1;
      if (await broadcast(n)) sent.push(n);
    };
    await send();
    const back = once(socket as never, 'connect');
    process.kill(pid, 'SIGKILL');
    await once(socket as never, 'disconnect');
    for (let round = 0; round < 20; round += 1) await send();
    await back;
    expect(socket.recovered).toBe(true);
    expect(socket.id).toBe(id);
    expect((await virtual(socket, 'get', '/whoami')).pid).not.toBe(pid);
    const last = sent.at(-1) as number;
    while (!heard.includes(last)) await once(socket as never, 'news');
    await send();
    while (!heard.includes(sent.at(-1) as number)) await once(socket as never, 'news');
    expect(heard.filter((each) => sent.includes(each))).toEqual(sent);
    expect(new Set(heard).size).toBe(heard.length);
  });

  it('our client says so, and its listeners see no offsets', async () => {
    const client = createClient();
    Object.assign(client.sails, { environment: 'production', url: pod.url, transports: ['websocket'] });
    const { socket } = client;
    await new Promise((resolve) => socket.on('connect', resolve));
    open.push(socket);
    expect(socket.recovered).toBe(false);
    await new Promise((resolve) => socket.post('/room', resolve));
    const who = await new Promise<WhoAmI>((resolve) => socket.get('/whoami', resolve));
    const heard: unknown[][] = [];
    socket.on('news', (...args) => heard.push(args));
    const recovered = new Promise((resolve) => socket.on('recovered', () => resolve(socket.recovered)));
    const gone = new Promise((resolve) => socket.on('disconnect', resolve));
    process.kill(who.pid, 'SIGKILL');
    await gone;
    while (!(await broadcast(1)));
    expect(await recovered).toBe(true);
    while (heard.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(heard).toEqual([[expect.objectContaining({ n: 1 })]]);
  });

  it('gives nothing to somebody with another session who knows the private id', async () => {
    const cookieOf = async () => {
      const response = await fetch(`${pod.url}/__getcookie`);
      return (response.headers.get('set-cookie') as string).split(';', 1)[0] as string;
    };
    const victim = stockClient({ extraHeaders: { cookie: await cookieOf() }, reconnection: false });
    await once(victim as never, 'connect');
    const { id } = victim;
    const { _pid: privateId, _lastOffset: offset } = victim as unknown as { _pid: string; _lastOffset: string };
    expect(privateId).toBeTypeOf('string');
    victim.io.engine.close();

    const thief = stockClient({ extraHeaders: { cookie: await cookieOf() }, auth: { pid: privateId, offset } });
    await once(thief as never, 'connect');
    expect(thief.id).not.toBe(id);
  });
});
