import { connected, type Site } from './ingress';
import type { OpenClient } from './ledger';

const ROOM = 'ledger';
const ANSWER_WITHIN_MS = 20_000;

/** Clients of the kind socket.io-client, in the namespace of `flotilla probe`: sockets without a session. */
export function probeClients(site: Site, token: string): OpenClient {
  return async (heard) => {
    const socket = await connected(site.probe(token));
    const asked = () => socket.timeout(ANSWER_WITHIN_MS);
    let isListening = false;
    if (heard) {
      socket.on('probe', (number: number) => heard.message(number));
      socket.on('disconnect', () => heard.disconnected());
      socket.on('connect', () => {
        heard.connected(socket.recovered);
        if (isListening && !socket.recovered) socket.emit('join', ROOM, () => {});
      });
    }
    return {
      get isConnected() {
        return socket.connected;
      },
      async listen() {
        await asked().emitWithAck('join', ROOM);
        isListening = true;
      },
      send: (number) => asked().emitWithAck('broadcast', ROOM, number),
      pod: async () => ((await asked().emitWithAck('whoami')) as { podName: string }).podName,
      cut: () => socket.io.engine.close(),
      close: () => void socket.removeAllListeners().disconnect(),
    };
  };
}
