import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type session from 'express-session';
import { afterEach, expect, it } from 'vitest';
import type { Fleet } from '../../dist/bus/fleet';
import { Hub } from '../../dist/bus/hub/hub';
import { joinFleet } from '../../dist/bus/join-fleet';
import { createPodSessionAdapter } from '../../dist/session/pod-session-adapter';
import { POD_SESSION_SERVICE } from '../../dist/session/pod-session-protocol';
import { createPodSessionService } from '../../dist/session/pod-session-service';
import { freePort } from '../support/free-port';

const require = createRequire(__filename);
const { Sails } = require('sails') as { Sails: new () => SailsApp };

interface SailsApp {
  lift(config: object, callback: (error?: Error) => void): void;
  lower(callback: (error?: Error) => void): void;
  hooks: {
    session: {
      get(sid: string, callback: (error: unknown, data?: Record<string, unknown>) => void): void;
      set(sid: string, data: object, callback: (error: unknown, data?: Record<string, unknown>) => void): void;
    };
  };
}

interface Request {
  session: session.Session & { count?: number };
  sessionID: string;
}

interface Response {
  json(body: unknown): void;
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startHub(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-session-'));
  const path = join(folder, 'hub.sock');
  const hub = new Hub({ podTag: 'pod1', podName: 'pod', log: silent });
  const sessions = createPodSessionService();
  hub.offer(POD_SESSION_SERVICE, sessions);
  await hub.listen(path);
  cleanups.push(async () => {
    await hub.close();
    sessions.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return path;
}

function joinPod(hubPath: string, workerNumber: number): Fleet {
  const identity = { pod: 'pod1', worker: `A${workerNumber}`, podName: 'pod', workerNumber, hubPath };
  const fleet = joinFleet({ identity, log: silent });
  cleanups.push(() => fleet.close());
  return fleet;
}

/** A Sails app whose sessions are the pod's, as a worker under a primary has them. */
async function startApp(
  fleet: Fleet,
): Promise<{ app: SailsApp; get: (path: string, cookie?: string) => Promise<Answer> }> {
  const app = new Sails();
  const appPath = mkdtempSync(join(tmpdir(), 'flotilla-sails-'));
  const port = await freePort();
  await new Promise<void>((resolve, reject) =>
    app.lift(
      {
        appPath,
        port,
        explicitHost: '127.0.0.1',
        environment: 'test',
        globals: false,
        log: { level: 'silent' },
        hooks: { grunt: false, pubsub: false, sockets: false },
        session: {
          secret: 'a secret of the test',
          adapter: createPodSessionAdapter((method, args) => fleet.call(POD_SESSION_SERVICE, method, args)),
        },
        routes: {
          'GET /count': (req: Request, res: Response) => {
            req.session.count = (req.session.count ?? 0) + 1;
            res.json([req.session.count, req.sessionID]);
          },
          'GET /logout': (req: Request, res: Response) => req.session.destroy(() => res.json('bye')),
        },
      },
      (error) => (error ? reject(error) : resolve()),
    ),
  );
  cleanups.push(async () => {
    await new Promise((resolve) => app.lower(resolve));
    rmSync(appPath, { recursive: true, force: true });
  });
  return {
    app,
    get: async (path, cookie) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: cookie ? { cookie } : {} });
      const body = (await response.json()) as unknown;
      return { body, cookie: response.headers.get('set-cookie')?.split(';')[0] };
    },
  };
}

interface Answer {
  body: unknown;
  cookie: string | undefined;
}

it("core's session hook and its HTTP middleware work on it, over the hub's own local socket", async () => {
  const hubPath = await startHub();
  const one = await startApp(joinPod(hubPath, 1));
  const two = await startApp(joinPod(hubPath, 2));

  const first = await one.get('/count');
  const sid = (first.body as [number, string])[1];
  expect(first.body).toEqual([1, sid]);
  expect((await two.get('/count', first.cookie)).body).toEqual([2, sid]);

  // What code of an app does with a session by its id.
  const data = await new Promise<Record<string, unknown> | undefined>((resolve, reject) =>
    one.app.hooks.session.get(sid, (error, found) => (error ? reject(error) : resolve(found))),
  );
  expect(data).toMatchObject({ count: 2 });
  const saved = await new Promise((resolve, reject) =>
    one.app.hooks.session.set(sid, { ...data, count: 10 }, (error, found) => (error ? reject(error) : resolve(found))),
  );
  expect(saved).toMatchObject({ count: 10 });

  expect((await two.get('/count', first.cookie)).body).toEqual([11, sid]);
  await one.get('/logout', first.cookie);
  expect((await two.get('/count', first.cookie)).body).toEqual([1, expect.not.stringMatching(sid)]);
});

it('a restarted worker finds the sessions of the one before', async () => {
  const hubPath = await startHub();
  const first = joinPod(hubPath, 1);
  const before = await startApp(first);
  const { cookie } = await before.get('/count');
  await first.close();
  const after = await startApp(joinPod(hubPath, 2));
  expect((await after.get('/count', cookie)).body).toEqual([2, expect.any(String)]);
});

it('a service that refuses gives its code and message to the callback', async () => {
  const fleet = joinPod(await startHub(), 1);
  await expect(fleet.call(POD_SESSION_SERVICE, 'get', [7])).rejects.toMatchObject({
    code: 'E_SESSION_REQUEST',
    message: expect.stringContaining('argument 1 of get'),
  });
});
