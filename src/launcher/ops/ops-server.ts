import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { PACKAGE_VERSION } from '../../bus/version';
import type { MetricReading } from '../../metrics/declarations';
import { EventLoopWatch } from '../../metrics/event-loop';
import { EXPOSITION_TYPE, expose } from '../../metrics/exposition';
import { createPodRegistry, type PodReading } from '../../metrics/pod-metrics';
import { codeOf, LauncherError, messageOf } from '../errors';
import type { Logger } from '../logger';
import type { WorkerExit, WorkerProcess } from '../worker-process';
import { Access, type AccessKind, isLoopbackAddress } from './access';
import { CheckLog } from './check-log';
import { Checks, type ProbeName } from './checks';
import { answer, answerError, answerJson, readJson, requiredText } from './http-answers';
import type { Journal } from './journal';
import { loadPage, PAGE_HEADERS } from './page-files';
import { Places } from './places';
import { writePodRecord } from './pod-record';
import { readPodStatus } from './pod-status';
import { PulseBoard } from './pulse-board';
import type { OpsSettings } from './settings';
import { SocketViews } from './socket-views';
import type { OpsSubject } from './subject';
import { WorkerQuestions } from './worker-questions';

/** Requests are small: what takes longer is somebody who holds connections. */
const REQUEST_WITHIN_MS = 10_000;
const MOST_CONNECTIONS = 256;

type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => void | Promise<void>;

interface Route {
  kind: AccessKind;
  handle: Handler;
}

/** The pod's own small HTTP server, for orchestrators, Prometheus, people and the other commands. */
export class OpsServer {
  readonly #server: Server;
  readonly #questions = new WorkerQuestions();
  readonly #places = new Places();
  readonly #eventLoop = new EventLoopWatch();
  readonly #board: PulseBoard;
  readonly #checks: Checks;
  readonly #checkLog: CheckLog;
  readonly #views: SocketViews;
  readonly #workerEnds = new Map<string, number>([
    ['exit', 0],
    ['killed', 0],
    ['lift-failed', 0],
  ]);
  readonly #startedAt = Date.now();
  readonly #routes: Map<string, Route>;
  readonly #registry = createPodRegistry(() => this.#reading, this.#eventLoop);
  /** One for all metrics of an answer. */
  #reading = {} as PodReading;
  #access: Access;
  #removeRecord = () => {};

  constructor(
    private readonly subject: OpsSubject,
    private readonly settings: OpsSettings,
    private readonly journal: Journal,
    private readonly log: Logger,
  ) {
    const { supervisor } = subject;
    this.#access = new Access(settings.token, false);
    this.#board = new PulseBoard(supervisor, this.#questions, () => this.#noteReadiness());
    this.#checks = new Checks(subject, this.#board, settings, this.#eventLoop);
    this.#checkLog = new CheckLog(log);
    this.#views = new SocketViews(subject.tag, supervisor, this.#questions, this.#places);
    this.#routes = this.#makeRoutes();
    supervisor.on('forked', (worker) => this.#watch(worker));
    supervisor.on('ready', (worker) => journal.add('info', `worker ${worker.number} is ready`));
    this.#server = createServer({ requestTimeout: REQUEST_WITHIN_MS, headersTimeout: REQUEST_WITHIN_MS });
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#server.on('request', (request, response) => void this.#serve(request, response));
  }

  /**
   * Opens the server.
   * @throws LauncherError `E_PORT_BUSY`, `E_LISTEN`
   */
  async start(): Promise<void> {
    const { address, port } = await this.#listen();
    const isLoopback = isLoopbackAddress(address);
    this.#access = new Access(this.settings.token, isLoopback);
    const url = `http://${reachable(address)}:${port}`;
    this.log.info({ port }, `ops server on ${url}`);
    this.#board.start();
    try {
      const { name, appPath } = this.subject;
      const record = { pid: process.pid, name, appPath, url, token: this.settings.token, startedAt: this.#startedAt };
      this.#removeRecord = writePodRecord(record);
      process.once('exit', this.#removeRecord);
    } catch (error) {
      this.log.warn(`Commands such as "flotilla status" need --url to find this pod: ${messageOf(error)}`);
    }
  }

  async close(): Promise<void> {
    this.#board.close();
    this.#questions.close();
    this.#eventLoop.close();
    this.#removeRecord();
    process.removeListener('exit', this.#removeRecord);
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #listen(): Promise<AddressInfo> {
    const { port, host, portIsDefault } = this.settings;
    try {
      return await this.#bind(port, host);
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE') {
        throw new LauncherError(
          'E_LISTEN',
          `The ops server cannot listen on ${host}:${port}: ${messageOf(error)}. Check --ops-port and --ops-host.`,
          { cause: error },
        );
      }
      if (portIsDefault) {
        this.log.warn(
          `port ${port}, the default of the ops server, is taken: it takes a free one (--ops-port sets it)`,
        );
        return this.#bind(0, host);
      }
      throw new LauncherError(
        'E_PORT_BUSY',
        `${host}:${port} is taken by another process: end it, choose another port for the ops server with --ops-port, or go without it with --no-ops.`,
        { cause: error },
      );
    }
  }

  #bind(port: number, host: string): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ port, host }, () => {
        this.#server.removeListener('error', reject);
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  #watch(worker: WorkerProcess): void {
    this.#places.add(worker);
    this.#questions.watch(worker);
    worker.once('exit', (exit) => this.#noteEnd(worker, exit));
  }

  #noteEnd(worker: WorkerProcess, exit: WorkerExit): void {
    if (this.subject.phase === 'draining' || worker.retired) return;
    const cause = worker.readyAt === undefined ? 'lift-failed' : exit.signal ? 'killed' : 'exit';
    this.#workerEnds.set(cause, (this.#workerEnds.get(cause) ?? 0) + 1);
  }

  #noteReadiness(): void {
    const { phase } = this.subject;
    const isExpected = phase !== 'up';
    this.#checkLog.note('readyz', this.#checks.run('readyz'), isExpected);
    this.#checkLog.note('livez', this.#checks.run('livez'), isExpected);
  }

  #makeRoutes(): Map<string, Route> {
    const routes = new Map<string, Route>();
    const add = (path: string, kind: AccessKind, handle: Handler) => routes.set(path, { kind, handle });
    for (const name of ['livez', 'readyz', 'startupz'] as const) {
      add(`GET /${name}`, 'open', (_request, response) => this.#probe(name, response));
    }
    add('GET /metrics', 'open', async (_request, response) => {
      answer(response, 200, EXPOSITION_TYPE, await this.#metrics());
    });
    for (const [path, { type, body }] of loadPage()) {
      add(`GET ${path}`, 'page', (_request, response) => {
        for (const [name, value] of Object.entries(PAGE_HEADERS)) response.setHeader(name, value);
        answer(response, 200, type, body);
      });
    }
    const json = (path: string, kind: AccessKind, read: (url: URL, request: IncomingMessage) => unknown) =>
      add(path, kind, async (request, response, url) => answerJson(response, 200, await read(url, request)));
    json('GET /api/status', 'read', () => this.#status());
    json('GET /api/rooms', 'read', () => this.#views.rooms());
    json('GET /api/room', 'read', ({ searchParams: query }) =>
      this.#views.room(query.get('nsp') ?? '/', requiredText('room', query.get('room'))),
    );
    json('GET /api/socket', 'read', ({ searchParams: query }) =>
      this.#views.socket(query.get('nsp') ?? '/', requiredText('id', query.get('id'))),
    );
    // what somebody wants to do is checked by doing nothing
    json('POST /api/token', 'act', () => ({}));
    json('POST /api/disconnect', 'act', async (_url, request) => {
      const { nsp = '/', id } = await readJson(request);
      await this.#views.disconnect(requiredText('nsp', nsp), requiredText('id', id));
      this.log.info({ socket: id }, 'a socket was disconnected over the ops server');
      return {};
    });
    json('POST /api/send', 'act', async (_url, request) => {
      const { nsp = '/', room, event, args = [] } = await readJson(request);
      if (!Array.isArray(args)) throw new LauncherError('E_OPS_REQUEST', '"args" must be an array.');
      const names = [requiredText('nsp', nsp), requiredText('room', room), requiredText('event', event)] as const;
      return { worker: await this.#views.send(...names, args) };
    });
    json('POST /api/reload', 'act', async () => {
      this.log.info('asked to reload over the ops server');
      return { replaced: await this.subject.reload() };
    });
    json('POST /api/stop', 'act', () => {
      this.log.info('asked to stop over the ops server');
      setImmediate(() => this.subject.requestStop());
      return {};
    });
    return routes;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = new URL(request.url ?? '/', 'http://ops');
      const method = request.method === 'HEAD' ? 'GET' : request.method;
      const route = this.#routes.get(`${method} ${url.pathname}`);
      if (!route) {
        answerJson(response, 404, { code: 'E_OPS_REQUEST', message: `There is no ${method} ${url.pathname} here.` });
      } else if (this.#access.allows(request, route.kind)) await route.handle(request, response, url);
      else this.#refuse(response, route.kind);
    } catch (error) {
      if (codeOf(error) === undefined) this.log.error({ err: error }, `the ops server failed at ${request.url}`);
      if (!response.headersSent) answerError(response, error);
      else response.destroy();
    }
  }

  /** Browsers ask people for a password at Basic; where scripts ask, that would only be in the way. */
  #refuse(response: ServerResponse, kind: AccessKind): void {
    response.setHeader('WWW-Authenticate', kind === 'page' ? 'Basic realm="Flotilla ops token"' : 'Bearer');
    const message =
      'This needs the token of the ops server: FLOTILLA_OPS_TOKEN, as "Authorization: Bearer …" or as password.';
    answerError(response, new LauncherError('E_OPS_TOKEN', message));
  }

  #probe(name: ProbeName, response: ServerResponse): void {
    const report = this.#checks.run(name);
    this.#checkLog.note(name, report, this.subject.phase !== 'up');
    answerJson(response, report.status === 'failed' ? 503 : 200, report);
  }

  #status() {
    return readPodStatus({
      subject: this.subject,
      places: this.#places,
      board: this.#board,
      checks: this.#checks,
      journal: this.journal,
      startedAt: this.#startedAt,
    });
  }

  async #metrics(): Promise<string> {
    const { workers } = this.subject.supervisor;
    const answers = await this.#questions.askAll(workers, { name: 'metrics' });
    this.#reading = this.#readPod(new Set(answers.map(({ worker }) => worker)));
    const primary = (await this.#registry.getMetricsAsJSON()) as MetricReading[];
    const readings = answers.map(({ worker, answer }) => ({ place: this.#places.of(worker), readings: answer }));
    return expose(
      primary,
      readings.filter(({ place }) => place > 0),
    );
  }

  #readPod(answering: Set<WorkerProcess>): PodReading {
    const { name, supervisor, wantedWorkers, phase, hub, sessions, refusedConnections, peerConnections } = this.subject;
    return {
      pod: { name, version: PACKAGE_VERSION },
      workers: [...supervisor.workers].map((worker) => ({
        place: this.#places.of(worker),
        number: worker.number,
        pid: worker.pid,
        state: worker.state,
        answers: answering.has(worker),
      })),
      wantedWorkers,
      workerEnds: this.#workerEnds,
      draining: phase === 'draining',
      ready: this.#checks.run('readyz').status !== 'failed',
      refusedConnections,
      peerConnections,
      bus: hub.snapshot(),
      podSessions: sessions.stats(),
    };
  }
}

/** An address that a client can be given: one of this machine where the server listens on all. */
function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  if (address === '::') return '[::1]';
  return isIPv6(address) ? `[${address}]` : address;
}
