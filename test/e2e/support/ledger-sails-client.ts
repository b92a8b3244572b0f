import type { Socket } from 'socket.io-client';
import { createClient, type Jwr, type SailsSocket } from '../../../dist/client/index.js';
import { connected, type Site } from './ingress';
import type { OpenClient } from './ledger';
import { until } from './until';

const ROOM = '/loadtest/rooms/ledger';

type InnerSocket = SailsSocket & { _raw: Socket };

/** Clients of the kind `sails-hook-flotilla/client`, in the namespace of the app: sockets with a session, and virtual requests. */
export function sailsClients(site: Site): OpenClient {
  return async (heard) => {
    const io = createClient();
    io.sails.autoConnect = false;
    io.sails.environment = 'production';
    const socket = io.sails.connect(site.address, {
      multiplex: false,
      transports: ['websocket'],
      initialConnectionHeaders: site.headers,
    }) as InnerSocket;
    const request = async (method: 'get' | 'post', url: string, data?: object) => {
      const { statusCode, body } = await new Promise<Jwr>((resolve) => {
        socket.request({ method, url, data }, (_body, jwr) => resolve(jwr));
      });
      if (statusCode !== 200) throw new Error(`${method} ${url}: ${statusCode} ${JSON.stringify(body)}`);
      return body;
    };
    // While there is no Redis there are no sessions, and requests are refused.
    const joinAgain = () => until('place in the room', 60_000, () => request('post', `${ROOM}/join`)).catch(() => {});
    let isListening = false;
    let isClosed = false;
    if (heard) {
      socket.on('loadtestMessage', ({ number }) => heard.message(number));
      socket.on('disconnect', () => {
        if (!isClosed) heard.disconnected();
      });
      socket.on('connect', () => {
        heard.connected(socket.recovered);
        if (isListening && !socket.recovered) void joinAgain();
      });
    }
    await connected(socket._raw);
    return {
      get isConnected() {
        return socket.isConnected();
      },
      async listen() {
        await request('post', `${ROOM}/join`);
        isListening = true;
      },
      async send(number) {
        await request('post', `${ROOM}/messages`, { number });
      },
      pod: async () => ((await request('get', '/api/whoami')) as { pod: string }).pod,
      cut: () => socket._raw.io.engine.close(),
      close() {
        isClosed = true;
        socket.disconnect();
      },
    };
  };
}
