import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server } from 'socket.io';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fleet } from '../../dist/bus/fleet';
import { Hub } from '../../dist/bus/hub/hub';
import { podTagOf, readIdentity } from '../../dist/bus/identity';
import { joinFleet } from '../../dist/bus/join-fleet';
import { quietLog } from './topology';

describe('a process that loads the app without serving (sails run, sails console)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
  const hubPath = join(folder, 'hub.sock');
  let hub: Hub;
  let fleet: Fleet | undefined;

  beforeEach(async () => {
    hub = new Hub({ podTag: podTagOf(hubPath), podName: 'pod', log: quietLog });
    await hub.listen(hubPath);
  });
  afterEach(async () => {
    await fleet?.close();
    await hub.close();
    rmSync(hubPath, { force: true });
  });

  it('is no member, and becomes one when it serves', async () => {
    fleet = joinFleet({ identity: readIdentity({ FLOTILLA_HUB: hubPath }), log: quietLog, role: 'emitter' });
    await fleet.ready();
    expect(hub.workers()).toEqual([]);
    const joined = new Promise((resolve) => hub.once('worker-joined', resolve));
    fleet.serve();
    await joined;
    expect(hub.workers()).toHaveLength(1);
    expect((await fleet.table()).pods[0]?.workers).toHaveLength(1);
  });

  it('is told once when what it sends reaches nobody', async () => {
    const warnings: string[] = [];
    const log = { ...quietLog, warn: (message: string) => warnings.push(message) };
    fleet = joinFleet({ identity: readIdentity({}), log, role: 'emitter' });
    const io = new Server(createServer(), { adapter: fleet.createAdapter() as never });
    io.emit('news', 1);
    io.emit('news', 2);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/FLOTILLA_REDIS_URL/);
    fleet.serve();
    io.emit('news', 3);
    expect(warnings).toHaveLength(1);
    await io.close();
  });
});
