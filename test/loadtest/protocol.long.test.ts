import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import { join } from 'node:path';
import { Server } from 'socket.io';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startContractServer } from './support/contract-server';
import { runScript, SCENARIOS, SCRIPTS, scratchFolder } from './support/tools';

const FAN_OUT = join(SCENARIOS, 'broadcast-fanout.ts');

interface Summary {
  metrics: Record<string, { values: Record<string, number> }>;
}

describe('C29: a load script that speaks the protocol', () => {
  it.for([
    { EIO: '4', TRANSPORT: 'websocket' },
    { EIO: '3', TRANSPORT: 'websocket' },
    { EIO: '4', TRANSPORT: 'polling' },
    { EIO: '3', TRANSPORT: 'polling' },
  ])(
    'C29: stays connected for 20 s with pings every 2 s, and everything arrives (Engine.IO $EIO, $TRANSPORT)',
    { timeout: 60_000, concurrent: true },
    async (protocol, { onTestFinished, expect }) => {
      const server = await startContractServer(2000);
      const folder = await scratchFolder(onTestFinished);
      onTestFinished(server.close);
      const summaryFile = join(folder, 'summary.json');
      const run = await runScript(FAN_OUT, {
        ...protocol,
        TARGET: server.url,
        SUBSCRIBERS: '5',
        RATE: '4',
        DURATION: '20s',
        RAMP: '500ms',
        SUMMARY_FILE: summaryFile,
      });
      expect(run.output).not.toContain('FAILED');
      expect(run.code).toBe(0);

      const { metrics } = JSON.parse(await readFile(summaryFile, 'utf8')) as Summary;
      const count = (name: string) => metrics[name]?.values.count ?? 0;
      expect(count('messages_sent')).toBe(80);
      expect(count('deliveries_received')).toBe(80 * 5);
      expect(count('virtual_requests_answered')).toBe(count('virtual_requests_due'));
      expect(count('disconnects')).toBe(0);
      // All six ended by themselves, over a WebSocket, in the protocol that was asked for.
      expect(new Set(server.disconnects)).toEqual(new Set(['client namespace disconnect']));
      expect(server.clients).toEqual(Array(6).fill(`EIO${protocol.EIO} websocket`));
    },
  );

  const small = { SUBSCRIBERS: '3', RATE: '20', DURATION: '2s', RAMP: '100ms', ACK_TIMEOUT: '1s', JOIN_TIMEOUT: '2s' };

  it('C29: fails against a server that refuses its origin, and says so', async () => {
    const server = await startContractServer(2000, { onlyOrigin: 'http://ok.example' });
    onTestFinished(server.close);
    const refused = await runScript(FAN_OUT, { ...small, TARGET: server.url });
    expect(refused.code).toBe(99);
    expect(refused.output).toMatch(/connect: The server refused the connection: .*400/);
    expect(refused.output).toMatch(/FAILED connects_failed count==0 +count=4/);
    const accepted = await runScript(FAN_OUT, { ...small, TARGET: server.url, ORIGIN: 'http://ok.example' });
    expect(accepted.code).toBe(0);
  });

  it('C29: fails against a server that never acknowledges, and says so', async () => {
    const server = await startContractServer(2000, { neverAcknowledges: true });
    onTestFinished(server.close);
    const run = await runScript(FAN_OUT, { ...small, TARGET: server.url });
    expect(run.code).toBe(99);
    expect(run.output).toContain('No acknowledgement of "post" within 1000 ms');
    expect(run.output).toMatch(/failed: 40 of 40 messages to \S+ were not acknowledged/);
    expect(run.output).toMatch(/FAILED publishers_done count==1/);
  });

  it('C29: fails against a server that drops a tenth of the broadcasts, and says how many', async () => {
    const server = await startContractServer(2000, { dropsOneIn: 10 });
    onTestFinished(server.close);
    const run = await runScript(FAN_OUT, { ...small, TARGET: server.url });
    expect(run.code).toBe(99);
    expect(run.output).toMatch(/FAILED missing count==0 +count=[1-9]\d* /);
    expect(run.output).toMatch(/ok +subscribers_done count==3/);
  });
});

describe('the socket for scripts', () => {
  it('C29: speaks in a namespace, with bytes both ways, through split frames, until the server ends it', async () => {
    const { io, url } = await startProbeServer();
    const splitter = await startSplitter(Number(new URL(url).port));
    onTestFinished(async () => {
      await io.close();
      splitter.close();
    });
    for (const EIO of ['4', '3']) {
      const run = await runScript(join(SCRIPTS, 'protocol-probe.ts'), { TARGET: splitter.url, EIO });
      expect(run.output).not.toContain('FAILED');
      expect(run.code).toBe(0);
    }
  });

  it('comes back after its connection was cut, and says how long it was away', async () => {
    const server = await startContractServer(2000);
    const cutter = await startSplitter(Number(new URL(server.url).port));
    onTestFinished(async () => {
      cutter.close();
      await server.close();
    });
    const run = runScript(join(SCRIPTS, 'comes-back.ts'), { TARGET: cutter.url });
    await once(cutter.server, 'connection');
    // The script waits for its loss: as soon as the first socket is up, the cable is cut.
    await cutter.cutWhenJoined();
    const { code, output } = await run;
    expect(output).toMatch(/back after \d+ ms, attempt 1/);
    expect(code).toBe(0);
  });
});

async function startProbeServer(): Promise<{ io: Server; url: string }> {
  const io = new Server({ allowEIO3: true });
  io.of('/admin').on('connection', (socket) => {
    socket.on('echo', (data: unknown, reply: (data: unknown) => void) => reply(data));
    socket.on('ask me', () => {
      socket.emit('question', { bytes: Buffer.from([1, 2, 3]) }, (answer: unknown) => socket.emit('answered', answer));
    });
    socket.on('end me', () => socket.disconnect());
  });
  const http = createServer();
  io.attach(http);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return { io, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}` };
}

interface Splitter {
  url: string;
  server: TcpServer;
  /** Cuts all connections once one of them has carried a virtual request's answer. */
  cutWhenJoined(): Promise<void>;
  close(): void;
}

/** Passes bytes on a few at a time, so that frames come in pieces. */
async function startSplitter(port: number): Promise<Splitter> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket.setNoDelay());
      socket.on('error', () => {});
      socket.once('close', () => {
        client.destroy();
        upstream.destroy();
        sockets.delete(socket);
      });
    }
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => {
      for (let at = 0; at < chunk.length; at += 7) client.write(chunk.subarray(at, at + 7));
      if (chunk.includes('statusCode')) server.emit('joined');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    cutWhenJoined: async () => {
      await once(server, 'joined');
      for (const socket of sockets) socket.destroy();
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
