import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A proxy without affinity: each connection goes to the next port. */
export interface RoundRobin {
  readonly url: string;
  /** How many answers with each status went through, counting the first of each connection. */
  statuses(): Record<string, number>;
  stop(): Promise<void>;
}

/** Starts a proxy on TCP in front of some local ports; one that refuses is left out for this connection. */
export async function startRoundRobin(ports: number[]): Promise<RoundRobin> {
  const open = new Set<Socket>();
  const statuses: Record<string, number> = {};
  let turn = 0;
  const track = (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    track(client);
    const first = turn++;
    const attempt = (number: number) => {
      const port = ports[(first + number) % ports.length] as number;
      const upstream = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      track(upstream);
      upstream.once('error', () => {
        if (upstream.pending && number + 1 < ports.length) attempt(number + 1);
        else client.destroy();
      });
      upstream.once('connect', () => {
        client.pipe(upstream);
        upstream.pipe(client);
        upstream.once('data', (chunk: Buffer) => {
          const status = /^HTTP\/1\.1 (\d+)/.exec(chunk.toString('latin1'))?.[1] ?? 'none';
          statuses[status] = (statuses[status] ?? 0) + 1;
        });
        client.once('close', () => upstream.destroy());
        upstream.once('close', () => client.destroySoon());
      });
    };
    attempt(0);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    statuses: () => ({ ...statuses }),
    stop: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
