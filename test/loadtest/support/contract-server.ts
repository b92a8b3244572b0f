import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';

/** What a broken server does wrong. */
export interface Faults {
  /** Refuses a handshake with another Origin than this. */
  onlyOrigin?: string;
  /** Answers no message that is sent to a room. */
  neverAcknowledges?: boolean;
  /** Of so many deliveries, one is lost. */
  dropsOneIn?: number;
}

export interface ContractServer {
  url: string;
  /** Sockets that were lost, with the reason the server saw. */
  readonly disconnects: string[];
  /** Engine.IO protocol and transport of every socket at its end. */
  readonly clients: string[];
  close(): Promise<void>;
}

interface Answer {
  body: unknown;
  headers: Record<string, string>;
  statusCode: number;
}

/** A plain Socket.IO server that fulfils the rooms of loadtest/contract.md, with pings as short as a test needs. */
export async function startContractServer(pingMs: number, faults: Faults = {}): Promise<ContractServer> {
  const io = new Server({
    pingInterval: pingMs,
    pingTimeout: pingMs,
    allowEIO3: true,
    allowRequest: (request, decide) =>
      decide(null, faults.onlyOrigin === undefined || request.headers.origin === faults.onlyOrigin),
  });
  const disconnects: string[] = [];
  const clients: string[] = [];
  let deliveries = 0;

  const answer = (status: number, body: unknown): Answer => ({ body, headers: {}, statusCode: status });
  const send = (room: string, data: unknown) => {
    for (const id of io.of('/').adapter.rooms.get(room) ?? []) {
      deliveries += 1;
      const counts = (data as { kind?: string }).kind === 'message';
      if (faults.dropsOneIn && counts && deliveries % faults.dropsOneIn === 0) continue;
      io.of('/').sockets.get(id)?.emit('loadtestMessage', data);
    }
  };

  io.on('connection', (socket) => {
    socket.conn.once('close', () => clients.push(`EIO${socket.conn.protocol} ${socket.conn.transport.name}`));
    socket.on('disconnect', (reason) => disconnects.push(reason));
    const onRequest =
      (method: string) =>
      ({ url, data }: { url: string; data: unknown }, reply: (answer: Answer) => void) => {
        const [, room = '', action = ''] = /^\/loadtest\/rooms\/([^/]+)(?:\/(\w+))?$/.exec(url) ?? [];
        if (method === 'get' && room) reply(answer(200, { members: io.of('/').adapter.rooms.get(room)?.size ?? 0 }));
        else if (action === 'join') {
          void socket.join(room);
          reply(answer(200, {}));
        } else if (action === 'messages') {
          send(room, data);
          if (!faults.neverAcknowledges || (data as { kind?: string }).kind !== 'message') reply(answer(200, {}));
        } else reply(answer(404, 'Not Found'));
      };
    for (const method of ['get', 'post']) socket.on(method, onRequest(method));
  });

  const http = createServer((request, response) => {
    // The check that scripts make in `setup`.
    response.writeHead(request.url?.startsWith('/loadtest/') ? 200 : 404, { 'content-type': 'application/json' });
    response.end('{"members":0}');
  });
  io.attach(http);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    disconnects,
    clients,
    close: async () => {
      await io.close();
    },
  };
}
