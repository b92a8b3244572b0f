import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server } from 'socket.io';
import { createAdapter } from '../../dist/bus/create-adapter';
import { Hub } from '../../dist/bus/hub/hub';
import { podTagOf } from '../../dist/bus/identity';
import { generateOwnedId } from '../../dist/bus/ids';
import { createLink, type LinkOptions } from '../../dist/bus/link/create-link';
import type { Link } from '../../dist/bus/link/link';
import { installClientEvents, operations } from './server-operations.cjs';

/** A Socket.IO server that the suite drives; it may live in another process. */
export interface TestServer {
  /** As `pod/worker`. */
  name: string;
  port: number;
  // biome-ignore lint/suspicious/noExplicitAny: the answers are whatever the operation says
  run(name: string, args?: object): Promise<any>;
  /** Where the server has a process of its own. */
  process?: ChildProcess;
}

/** Some servers that are one fleet. */
export interface Topology {
  servers: TestServer[];
  /** Starts one more server of the first pod. */
  addServer(): Promise<TestServer>;
  close(): Promise<void>;
}

export const quietLog = { debug() {}, info() {}, warn() {}, error: (message: string) => console.error(message) };

/** Several servers in the test's own process, around a hub on a real local socket. */
export async function inOneProcess(count: number): Promise<Topology> {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
  const hubPath = join(folder, 'hub.sock');
  const hub = new Hub({ podTag: podTagOf(hubPath), podName: 'pod', log: quietLog });
  await hub.listen(hubPath);
  const closers: Array<() => Promise<unknown>> = [];
  const topology: Topology = {
    servers: [],
    addServer: async () => {
      const httpServer = createServer();
      const adapter = createAdapter({ hubPath, workerNumber: topology.servers.length + 1, log: quietLog });
      const io = new Server(httpServer, { adapter: adapter as never });
      Object.assign(io, { fleet: adapter.fleet });
      tagSocketIds(io, adapter.fleet.identity);
      installClientEvents(io);
      httpServer.listen(0, '127.0.0.1');
      await Promise.all([once(httpServer, 'listening'), adapter.fleet.ready()]);
      closers.push(async () => {
        await io.close();
        await adapter.fleet.close();
      });
      const server: TestServer = {
        name: `pod/${topology.servers.length + 1}`,
        port: (httpServer.address() as AddressInfo).port,
        run: async (name, args = {}) => operations[name]?.(io, args),
      };
      topology.servers.push(server);
      return server;
    },
    close: async () => {
      await Promise.all(closers.map((close) => close()));
      await hub.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return withServers(topology, count);
}

/** Worker processes around a hub in the test's process. */
export interface HubOfWorkers extends Topology {
  hub: Hub;
}

/**
 * Starts a hub, without workers.
 * @param workerEnv what its workers have in their environment beside what leads them to it
 */
export async function startHubOfWorkers(
  podName = 'pod',
  workerEnv: Record<string, string> = {},
): Promise<HubOfWorkers> {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
  const hubPath = join(folder, 'hub.sock');
  const hub = new Hub({ podTag: podTagOf(hubPath), podName, log: quietLog });
  await hub.listen(hubPath);
  const servers: TestServer[] = [];
  let started = 0;
  return {
    hub,
    servers,
    addServer: async () => {
      started += 1;
      const server = await forkServer({
        FLOTILLA_HUB: hubPath,
        // Never that of one which has died: the order of messages is each worker's own.
        FLOTILLA_WORKER: String(started),
        FLOTILLA_POD_NAME: podName,
        ...workerEnv,
      });
      servers.push(server);
      return server;
    },
    close: async () => {
      await Promise.all(servers.map(stopProcess));
      await hub.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts so many servers of a topology, and waits until all know of each other. */
export async function withServers<T extends Topology>(topology: T, count: number): Promise<T> {
  for (let index = 0; index < count; index++) await topology.addServer();
  await Promise.all(topology.servers.map((server) => untilServerCount(server, count)));
  return topology;
}

/** Several worker processes around a hub in the test's process. */
export async function inWorkerProcesses(count: number): Promise<Topology> {
  return withServers(await startHubOfWorkers(), count);
}

/** Several worker processes that elect one of them to hold the hub. */
export async function inElectedWorkers(count: number): Promise<Topology> {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
  const topology: Topology = {
    servers: [],
    addServer: async () => {
      const server = await forkServer({
        TEST_ELECTED_HUB: join(folder, 'hub.sock'),
        FLOTILLA_WORKER: String(topology.servers.length + 1),
        FLOTILLA_POD_NAME: 'pod',
      });
      topology.servers.push(server);
      return server;
    },
    close: async () => {
      await Promise.all(topology.servers.map(stopProcess));
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return withServers(topology, count);
}

/** A pod of worker processes: its hub is in the test's process and may be linked to others. */
export interface TestPod extends HubOfWorkers {
  link: Link;
}

/** Starts a pod without workers. */
export async function startPod(
  podName: string,
  link: Partial<LinkOptions> & Pick<LinkOptions, 'redis'>,
  workerEnv: Record<string, string> = {},
): Promise<TestPod> {
  const pod = await startHubOfWorkers(podName, workerEnv);
  return Object.assign(pod, { link: pod.hub.connect(createLink({ podName, log: quietLog, ...link })) });
}

/** Two pods of two worker processes each, in the order a/1, b/1, a/2, b/2. */
export async function inTwoPods(
  link: Partial<LinkOptions> & Pick<LinkOptions, 'redis'>,
  stop: () => Promise<void>,
): Promise<Topology> {
  const a = await startPod('pod-a', link);
  const b = await startPod('pod-b', link);
  const servers: TestServer[] = [];
  for (const pod of [a, b, a, b]) servers.push(await pod.addServer());
  await Promise.all([a.link.ready(), b.link.ready()]);
  await Promise.all(servers.map((server) => untilServerCount(server, 4)));
  return {
    servers,
    addServer: async () => {
      const server = await b.addServer();
      servers.push(server);
      return server;
    },
    close: async () => {
      await a.close();
      await b.close();
      await stop();
    },
  };
}

/** Starts a worker process of the suite with an environment that says where its fleet is. */
export async function forkServer(env: NodeJS.ProcessEnv): Promise<TestServer> {
  const child = fork(join(__dirname, 'worker-process.cjs'), {
    env: { ...process.env, ...env },
    serialization: 'advanced',
  });
  const pending = new Map<number, (message: { value?: unknown; error?: string }) => void>();
  let nextId = 1;
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code, signal) => reject(new Error(`the worker process ended: ${code ?? signal}`)));
    child.on('message', (message: { ready?: boolean; port?: number; id?: number; value?: unknown; error?: string }) => {
      if (message.ready) resolve(message.port as number);
      else if (message.id) pending.get(message.id)?.(message);
    });
  });
  return {
    name: `${env.FLOTILLA_POD_NAME}/${env.FLOTILLA_WORKER}`,
    port,
    process: child,
    run: (name, args = {}) =>
      new Promise((resolve, reject) => {
        const id = nextId++;
        pending.set(id, ({ value, error }) => {
          pending.delete(id);
          if (error) reject(new Error(error));
          else resolve(value);
        });
        child.send({ id, name, args });
      }),
  };
}

/** Ends a worker process and waits until it is gone. */
export async function stopProcess({ process: child }: TestServer): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** Waits until a server knows that the fleet has this many servers. */
export async function untilServerCount(server: TestServer, count: number): Promise<void> {
  while ((await server.run('serverCount')) !== count) await new Promise((resolve) => setTimeout(resolve, 5));
}

function tagSocketIds(io: Server, identity: { pod: string; worker: string }): void {
  const namespace = io.of('/') as unknown as {
    _createSocket(client: unknown, auth: unknown): Promise<{ id: string; recovered: boolean }>;
  };
  const create = namespace._createSocket.bind(namespace);
  namespace._createSocket = async (client, auth) => {
    const socket = await create(client, auth);
    if (!socket.recovered) socket.id = generateOwnedId(identity);
    return socket;
  };
}
