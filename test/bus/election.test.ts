import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io as connect } from 'socket.io-client';
import { afterEach, describe, expect, it } from 'vitest';
import { HubLock } from '../../dist/bus/election/hub-lock';
import { inElectedWorkers, stopProcess, type TestServer, type Topology, untilServerCount } from './topology';

describe('the elected hub', () => {
  let topology: Topology | undefined;
  afterEach(() => topology?.close());

  it('is taken over by another worker when its own is killed, and rooms are known to it', async () => {
    topology = await inElectedWorkers(4);
    const [first, ...others] = topology.servers as [TestServer, TestServer, TestServer, TestServer];
    const last = others[2];
    const socket = connect(`http://127.0.0.1:${last.port}`, { forceNew: true, transports: ['websocket'] });
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    await socket.emitWithAck('join', 'room');
    // The first worker to start holds the hub.
    await stopProcess(first);
    for (const server of others) await untilServerCount(server, 3);
    const hello = new Promise((resolve) => socket.once('hello', resolve));
    await others[0].run('emit', { rooms: ['room'], event: 'hello', args: [1] });
    expect(await hello).toBe(1);
    socket.close();
  });
});

describe('the lock of the elected hub', () => {
  it('is taken once, and taken over from a process that is gone', () => {
    const folder = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
    const path = join(folder, 'hub.lock');
    const lock = new HubLock(path);
    writeFileSync(path, String(process.ppid));
    expect(lock.tryAcquire()).toBe(false);
    // No process has this id: it is larger than the kernel gives out.
    writeFileSync(path, '99999999');
    expect(lock.tryAcquire()).toBe(true);
    expect(lock.isOurs()).toBe(true);
    lock.release();
    expect(lock.isOurs()).toBe(false);
    rmSync(folder, { recursive: true });
  });
});
