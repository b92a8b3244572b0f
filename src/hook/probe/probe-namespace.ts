import type { Server, Socket } from 'socket.io';
import { AccessToken } from '../../bus/secrets';
import { HookError } from '../errors';
import type { HookRuntime } from '../runtime';

/** Where the probe is served. */
export const PROBE_NAMESPACE = '/flotilla-probe';

/** A shorter token could be guessed. */
const SHORTEST_TOKEN = 16;
const LONGEST_ROOM_NAME = 100;

/** The event that a broadcast of the probe arrives as. */
export const PROBE_EVENT = 'probe';

/** Which process a socket of the probe is connected to. */
export interface ProbeIdentity {
  /** The pod's name. */
  podName: string;
  /** Its tag, which ids begin with. */
  pod: string;
  /** The worker's number. */
  worker: number;
}

/**
 * Serves the namespace by which `flotilla probe`, and so `helm test`, tries a running fleet with any app: which process am
 * I connected to, does a round trip work, does a broadcast reach a socket elsewhere. It is there only
 * where `FLOTILLA_PROBE_TOKEN` is set, and only for clients that have the token. Its rooms are its own.
 *
 * Events, each with an acknowledgement: `whoami`, `echo` (data), `join` (room), `broadcast` (room, data), which arrives as
 * event `probe`.
 */
export function serveProbe(runtime: HookRuntime, io: Server, env: NodeJS.ProcessEnv = process.env): void {
  const token = env.FLOTILLA_PROBE_TOKEN;
  if (!token) return;
  if (token.length < SHORTEST_TOKEN) {
    throw new HookError(
      'E_PROBE_TOKEN',
      `\`FLOTILLA_PROBE_TOKEN\` is too short: it has ${token.length} characters and needs ${SHORTEST_TOKEN} or more. ` +
        'Make one with "openssl rand -hex 24", or leave it out: then the probe is off.',
    );
  }
  const expected = new AccessToken(token);
  const namespace = io.of(PROBE_NAMESPACE);
  namespace.use((socket, next) => {
    const { token: given } = socket.handshake.auth;
    if (typeof given === 'string' && expected.is(given)) next();
    else next(Object.assign(new Error('The token of the probe is wrong.'), { data: { code: 'E_PROBE_TOKEN' } }));
  });
  namespace.on('connection', (socket) => answer(runtime, socket));
}

type Acknowledge = (answer: unknown) => void;

function answer({ identity }: HookRuntime, socket: Socket): void {
  const { podName, pod, workerNumber } = identity;
  const self: ProbeIdentity = { podName, pod, worker: workerNumber };
  socket.on('whoami', (done: unknown) => acknowledge(done, self));
  socket.on('echo', (data: unknown, done: unknown) => acknowledge(done, data));
  socket.on('join', async (room: unknown, done: unknown) => {
    if (!isRoom(room)) return;
    await socket.join(room);
    acknowledge(done, true);
  });
  socket.on('broadcast', (room: unknown, data: unknown, done: unknown) => {
    if (!isRoom(room)) return;
    socket.nsp.to(room).emit(PROBE_EVENT, data);
    acknowledge(done, true);
  });
}

function acknowledge(done: unknown, value: unknown): void {
  if (typeof done === 'function') (done as Acknowledge)(value);
}

function isRoom(room: unknown): room is string {
  return typeof room === 'string' && room !== '' && room.length <= LONGEST_ROOM_NAME;
}
