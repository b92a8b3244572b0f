import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createNetServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { createLogger } from '../../dist/launcher/logger';
import { dialPeer } from '../../dist/launcher/peer/dial-peer';
import { DialerHandshake, ListenerHandshake } from '../../dist/launcher/peer/handshake';
import { derivePeerKeys } from '../../dist/launcher/peer/peer-keys';
import { PeerListener } from '../../dist/launcher/peer/peer-listener';
import { readPeerSettings } from '../../dist/launcher/peer/peer-settings';
import { detachHandle, type RawHandle } from '../../dist/launcher/raw-handle';
import { PeerServer } from '../../dist/launcher/worker/route/peer-server';

const owner = { pod: 'aaaa', worker: 'AB' };
const keysOf = (secret: string) => derivePeerKeys(undefined, { FLOTILLA_PEER_SECRET: secret });
const [key] = keysOf('right');
const [wrong] = keysOf('wrong');

describe('the greeting between pods', () => {
  test('tells the worker, and proves the secret in both directions', () => {
    const listener = new ListenerHandshake([key as Buffer]);
    const dialer = new DialerHandshake(key as Buffer, owner);
    const believed = listener.believe(dialer.request(listener.challenge) as Buffer);
    expect(believed?.owner).toEqual(owner);
    expect(dialer.verdict(believed?.answer('accepted') as Buffer)).toBe('accepted');
    expect(dialer.verdict(believed?.answer('gone') as Buffer)).toBe('gone');
  });

  test('refuses another secret, changed tags, and a request that was overheard', () => {
    const listener = new ListenerHandshake([key as Buffer]);
    const request = new DialerHandshake(key as Buffer, owner).request(listener.challenge) as Buffer;
    expect(listener.believe(new DialerHandshake(wrong as Buffer, owner).request(listener.challenge) as Buffer)).toBe(
      undefined,
    );
    const changed = Buffer.from(request);
    changed[5] ^= 1;
    expect(listener.believe(changed)).toBe(undefined);
    expect(new ListenerHandshake([key as Buffer]).believe(request)).toBe(undefined);
  });

  test('does not take the answer of somebody without the secret', () => {
    const impostor = new ListenerHandshake([wrong as Buffer]);
    const dialer = new DialerHandshake(key as Buffer, owner);
    const request = dialer.request(impostor.challenge) as Buffer;
    expect(dialer.verdict(Buffer.concat([Buffer.from('A'), request.subarray(-32)]))).toBe(undefined);
  });

  test('takes two secrets while one is being changed', () => {
    const old = keysOf('old');
    const both = keysOf('new, old');
    const asks = (dialer: Buffer[], listener: Buffer[]) => {
      const handshake = new ListenerHandshake(listener);
      return handshake.believe(new DialerHandshake(dialer[0] as Buffer, owner).request(handshake.challenge) as Buffer);
    };
    expect(asks(old, both)).toBeDefined();
    expect(asks(both, keysOf('old,new'))).toBeDefined();
    expect(asks(old, keysOf('new'))).toBe(undefined);
  });

  test('derives keys from the session secret where there is no other, and none from nothing', () => {
    expect(derivePeerKeys('session secret', {})).toHaveLength(1);
    expect(derivePeerKeys(['new', 'old'], {})).toHaveLength(2);
    expect(derivePeerKeys(undefined, {})).toEqual([]);
    expect(derivePeerKeys('right', {})[0]?.equals(key as Buffer)).toBe(false);
    expect(derivePeerKeys('session secret', { FLOTILLA_PEER_SECRET: 'right' })[0]?.equals(key as Buffer)).toBe(true);
  });
});

describe('the settings of the port for other pods', () => {
  test.each([
    ['nothing', {}, {}, undefined],
    ['the address of the pod', {}, { FLOTILLA_POD_IP: '10.0.0.7' }, ['10.0.0.7', 9091, '10.0.0.7']],
    ['IPv6', {}, { FLOTILLA_POD_IP: 'fd00::7' }, ['fd00::7', 9091, 'fd00::7']],
    ['IPv6 in brackets', { peerPort: 1 }, { FLOTILLA_POD_IP: '[fd00::7]' }, ['fd00::7', 1, 'fd00::7']],
    ['every interface', { peerHost: '0.0.0.0' }, { FLOTILLA_POD_IP: '10.0.0.7' }, ['0.0.0.0', 9091, '10.0.0.7']],
    ['one interface', { peerHost: '10.0.0.8' }, {}, ['10.0.0.8', 9091, '10.0.0.8']],
  ])('%s', (_name, options, env, expected) => {
    const settings = readPeerSettings(options, env);
    expect(settings && [settings.host, settings.port, settings.address]).toEqual(expected);
  });

  test.each([
    ['every interface and no address to tell', { peerHost: '0.0.0.0' }, {}, /FLOTILLA_POD_IP/],
    ['a port and no address', { peerPort: 9091 }, {}, /FLOTILLA_POD_IP or --peer-host/],
    ['a name', {}, { FLOTILLA_POD_IP: 'pod-7' }, /"pod-7"/],
    ['a port that is none', { peerPort: 70_000 }, { FLOTILLA_POD_IP: '10.0.0.7' }, /70000/],
  ])('refuse %s', (_name, options, env, message) => {
    expect(() => readPeerSettings(options, env)).toThrow(message);
    expect(() => readPeerSettings(options, env)).toThrow(expect.objectContaining({ code: 'E_LAUNCH_SETTING' }));
  });
});

describe('the port for other pods', () => {
  let listener: PeerListener | undefined;
  const workers: Socket[] = [];
  const lines: string[] = [];
  afterEach(async () => {
    for (const socket of workers.splice(0)) socket.destroy();
    await listener?.close();
  });

  /** A listener whose workers send everything back. */
  async function listen(host: string): Promise<number> {
    const log = createLogger({ format: 'json', stream: { write: (line) => lines.push(line) } });
    const settings = { host, port: 0, address: host };
    const wayTo = (tag: string) => {
      if (tag !== owner.worker) return undefined;
      return (handle: unknown, answer: Buffer) => {
        // in a process of its own the worker would get another object for it
        (handle as { reading: boolean }).reading = false;
        const socket = new Socket({ handle } as never);
        workers.push(socket);
        socket.write(answer);
        socket.pipe(socket);
        socket.on('error', () => {});
      };
    };
    listener = new PeerListener({ log, settings, keys: [key as Buffer], podTag: owner.pod, speaksTls: false, wayTo });
    return listener.listen();
  }

  test.each(['127.0.0.1', '::1'])('gives a connection on %s to the worker it is for', async (host) => {
    const port = await listen(host);
    const socket = await dialPeer({ host, port }, owner, key as Buffer);
    socket.write('hello');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('hello');
    socket.destroy();
    expect(listener?.counts).toEqual({ accepted: 1, gone: 0, refused: 0 });
  });

  test('says that a worker or the whole pod is gone', async () => {
    const address = { host: '127.0.0.1', port: await listen('127.0.0.1') };
    await expect(dialPeer(address, { ...owner, worker: 'ZZ' }, key as Buffer)).rejects.toMatchObject({
      failure: 'gone',
    });
    await expect(dialPeer(address, { ...owner, pod: 'bbbb' }, key as Buffer)).rejects.toMatchObject({
      failure: 'gone',
    });
    await listener?.close();
    await expect(dialPeer(address, owner, key as Buffer)).rejects.toMatchObject({ failure: 'gone' });
  });

  test('a listener that closes still answers who is being greeted: the worker is gone, not silent', async () => {
    const socket = connect({ port: await listen('127.0.0.1'), host: '127.0.0.1' });
    const [challenge] = (await once(socket, 'data')) as [Buffer];
    const closed = listener?.close();
    const dialer = new DialerHandshake(key as Buffer, { ...owner, worker: 'ZZ' });
    socket.write(dialer.request(challenge) as Buffer);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(dialer.verdict(answer)).toBe('gone');
    await closed;
  });

  test('a worker that takes no more says so to another pod, which would else believe that its session may live', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
    const worker = new PeerServer({
      app: createServer(),
      tls: undefined,
      emitToApp: () => true,
      onTunnel: () => {},
      onTlsRefused: () => {},
    });
    await worker.listen(join(folder, 'peer'));
    await worker.close();
    const primary = createNetServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
    await once(primary, 'listening');
    const accepted = once(primary, 'connection') as Promise<[Socket]>;
    const socket = connect((primary.address() as AddressInfo).port, '127.0.0.1');
    const answer = text(socket);
    worker.take(detachHandle((await accepted)[0]) as RawHandle, {
      answer: Buffer.from('accepted'),
      goneAnswer: Buffer.from('gone'),
    });
    expect(await answer).toBe('gone');
    primary.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('refuses and counts strangers, and logs no more than one of them a minute', async () => {
    const port = await listen('127.0.0.1');
    lines.length = 0;
    await expect(dialPeer({ host: '127.0.0.1', port }, owner, wrong as Buffer)).rejects.toMatchObject({
      failure: 'refused',
      message: expect.stringMatching(/different secrets/),
    });
    const stranger = connect({ port, host: '127.0.0.1' });
    stranger.on('error', () => {});
    stranger.write(`GET / HTTP/1.1\r\nHost: localhost\r\nX-Flotilla-Peer: {}\r\nCookie: ${'x'.repeat(100)}\r\n\r\n`);
    stranger.resume();
    await once(stranger, 'close');
    expect(listener?.counts).toEqual({ accepted: 0, gone: 0, refused: 2 });
    expect(lines.filter((line) => line.includes('refused a connection'))).toHaveLength(1);
  });
});
