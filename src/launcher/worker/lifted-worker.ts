import type { Server } from 'node:http';
import { setupWorker } from '@socket.io/sticky';
import type { Identity } from '../../bus/identity';
import { LauncherError, type LauncherErrorCode, messageOf } from '../errors';
import type { LaunchEnvironment } from '../messages';
import { OpsAnswering } from '../ops/worker/answer-questions';
import { loadPeerTls, type PeerTls } from '../peer/peer-tls';
import { appSocketPath, peerSocketPath } from '../runtime-directory';
import type { PublicAddress, SettingsDocument } from '../settings-document';
import { startBeating } from './beat';
import { assertCanTakeConnections, ConnectionIntake } from './connection-intake';
import { withHttpLimits } from './http-limits';
import { listenLocally } from './local-listener';
import { OpenRequests } from './open-requests';
import type { PrimaryLink } from './primary-link';
import { readSettings } from './read-settings';
import { RefusedRequests } from './refused-requests';
import { Router } from './route/router';
import type { SailsApp } from './sails-app';
import { ensureSocketsHook } from './sockets-hook';

/** Milliseconds that answers to other workers' requests may take after the app is lowered. */
const LAST_ANSWERS_MS = 1_000;

/** How the primary wants a worker to end. */
interface DrainOrder {
  windowMs: number;
  deadlineMs: number;
  successor: string | undefined;
}

/** What worker and primary agreed on. */
interface Agreement {
  document: SettingsDocument;
  address: PublicAddress;
}

/** The app in a worker, lifted step by step with the primary's consent. */
export class LiftedWorker {
  isLifted = false;
  #agreement: Promise<Agreement> | undefined;
  #router: Router | undefined;
  #requests: OpenRequests | undefined;
  #runsOnce = false;
  #intake: ConnectionIntake | undefined;
  readonly #refused = new RefusedRequests();
  #peerTls: PeerTls | undefined;

  constructor(
    private readonly sails: SailsApp,
    private readonly launch: LaunchEnvironment,
    private readonly identity: Identity,
    private readonly link: PrimaryLink,
  ) {}

  /** @throws whatever stops the lift */
  async lift(config: Record<string, unknown>): Promise<void> {
    const { sails } = this;
    if (this.launch.peerTls) this.#peerTls = loadPeerTls(this.launch.peerTls);
    const ops = new OpsAnswering(sails, this.link, () => ({
      connections: this.#intake?.connections ?? 0,
      passedOn: this.#router?.passedOn ?? new Map(),
      refused: this.#refused.counts,
      peerTlsRefused: this.#peerTls && (this.#router?.peerTlsRefused ?? new Map()),
    }));
    sails.on('hook:userconfig:loaded', () => {
      this.#limitHttp();
      this.#agreeBeforeHooks();
    });
    sails.on('hook:http:loaded', () => this.#takeOverServer(sails.hooks.http?.server));
    sails.on('hook:sockets:loaded', () => {
      if (this.launch.mode === 'sticky' && sails.io) setupWorker(sails.io);
    });
    this.#agreeBeforeBootstrap();
    await new Promise<void>((resolve, reject) => {
      sails.lift(config, (error) => (error ? reject(error) : resolve()));
    });
    const server = sails.hooks.http?.server;
    if (!server?.listening) {
      throw new LauncherError(
        'E_LIFT',
        'The app lifted, but its HTTP server does not listen: is the http hook disabled?',
      );
    }
    assertCanTakeConnections(server);
    await this.#router?.listen();
    this.#requests = new OpenRequests(server);
    this.isLifted = true;
    ops.lifted();
    await this.link.send({ flotilla: 'ready' });
    startBeating(this.launch, this.link, () => this.#sockets);
  }

  /** Closes the connections that poll, over a window, and tells the primary when that is done; everything else goes on. */
  async closePolling(windowMs: number): Promise<void> {
    const count = (await this.sails.hooks.sockets?.closePolling?.(windowMs)) ?? 0;
    await this.link.send({ flotilla: 'polls-closed', count });
  }

  /** Gives up some sockets, and tells the primary when that is done. */
  async shed({ count, keep, windowMs }: { count: number; keep: number; windowMs: number }): Promise<void> {
    const ended = (await this.sails.hooks.sockets?.shed?.({ count, keep, windowMs })) ?? 0;
    await this.link.send({ flotilla: 'sockets-shed', count: ended });
  }

  /**
   * Closes the sockets in paced batches, answers the requests in flight, and lowers the app; settles when what it owes to
   * other workers is answered too.
   * @param order.windowMs over how long the ends of the sockets are spread
   * @param order.deadlineMs how long sockets and requests may take
   * @param order.successor the tag of the worker that takes new clients now; without it they are told to try again
   */
  async drainAndLower({ windowMs, deadlineMs, successor }: DrainOrder): Promise<void> {
    this.#requests?.drain();
    if (successor !== undefined) this.#router?.sendNewClientsTo(successor);
    const onProgress = (left: number, of: number) => void this.link.send({ flotilla: 'draining', left, of });
    await Promise.all([
      this.sails.hooks.sockets?.drain?.({ windowMs, deadlineMs, onProgress }),
      this.#requests?.idleWithin(deadlineMs),
      this.#router?.endPassing(Math.min(windowMs, deadlineMs)),
    ]);
    await new Promise<void>((resolve) => this.sails.lower(() => resolve()));
    if (!this.#router) return;
    const timer = new Promise<void>((resolve) => setTimeout(resolve, LAST_ANSWERS_MS));
    await Promise.race([this.#router.close(), timer]);
  }

  /** Core's http hook makes its server with these options. */
  #limitHttp(): void {
    const { config } = this.sails;
    config.http = { ...config.http, serverOptions: withHttpLimits(this.launch.http, config.http?.serverOptions) };
  }

  /** User config is loaded, no hook of the app's is: the place to wait for the primary. */
  #agreeBeforeHooks(): void {
    const { modules } = this.sails;
    if (!modules) return;
    const loadUserHooks = modules.loadUserHooks.bind(modules);
    modules.loadUserHooks = (callback) => {
      this.#agree().then(
        () => loadUserHooks((error, hooks = {}) => callback(error ?? this.#checkHooks(hooks), hooks)),
        callback,
      );
    };
  }

  #checkHooks(hooks: Record<string, unknown>): unknown {
    try {
      ensureSocketsHook(this.sails, this.launch.appPath, hooks);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  /** Bootstraps run one at a time over the pod. */
  #agreeBeforeBootstrap(): void {
    const { sails } = this;
    const runBootstrap = sails.runBootstrap.bind(sails);
    sails.runBootstrap = (callback) => {
      const turn = this.link.next('bootstrap');
      this.#agree()
        .then(() => this.link.send({ flotilla: 'loaded' }))
        .then(() => turn)
        .then(() => this.#runOnce())
        .then(() => runBootstrap(callback), callback);
    };
  }

  /** What the app does once for the fleet, before the first bootstrap. A failure stops the lift. */
  async #runOnce(): Promise<void> {
    const { once } = this.sails.config.flotilla ?? {};
    if (!this.#runsOnce || typeof once !== 'object' || once === null) return;
    for (const [name, work] of Object.entries(once as Record<string, (sails: SailsApp) => unknown>)) {
      try {
        await work(this.sails);
      } catch (error) {
        throw new LauncherError('E_ONCE', `sails.config.flotilla.once.${name} failed: ${messageOf(error)}`, {
          cause: error,
        });
      }
    }
  }

  #agree(): Promise<Agreement> {
    this.#agreement ??= this.#negotiate();
    return this.#agreement;
  }

  async #negotiate(): Promise<Agreement> {
    const document = readSettings(this.sails.config, this.launch.appPath);
    const answer = this.link.next('agreed', 'refused');
    await this.link.send({ flotilla: 'settings', document });
    const message = await answer;
    if (message.flotilla === 'refused') throw new LauncherError(message.code as LauncherErrorCode, message.message);
    this.sails.config.port = message.address.port;
    this.#runsOnce = this.launch.first && message.once;
    // another pod of the fleet has done it
    if (this.launch.first && !message.once) {
      this.sails.config.models = { ...this.sails.config.models, migrate: 'safe' };
    }
    return { document, address: message.address };
  }

  #takeOverServer(server: Server | undefined): void {
    if (!server) return;
    void this.#agree().then(({ document, address }) => {
      const { identity, launch, link } = this;
      const directory = launch.directory;
      listenLocally(server, appSocketPath(directory, identity.worker), address);
      this.#intake = new ConnectionIntake(
        server,
        link,
        () => this.#sockets,
        (handle, answers) => this.#router?.takePeer(handle, answers),
      );
      this.#router = new Router({
        server,
        link,
        handsOver: launch.mode === 'route',
        self: identity,
        socketPath: document.socketPath,
        peerPathOf: (tag) => peerSocketPath(directory, tag),
        peerKeys: document.peerKeys.map((key) => Buffer.from(key, 'hex')),
        peerTls: this.#peerTls,
        hasSession: (id) => this.#hasSession(id),
        onTunnel: (socket) => this.#intake?.count(socket),
        onTrouble: (message) => this.sails.log.warn(message),
        onRefused: (error) => this.#refused.count(error),
      });
    });
  }

  get #sockets(): number {
    return this.sails.io?.engine.clientsCount ?? 0;
  }

  /** Without our hook there is no knowing whose a session is. */
  #hasSession(id: string): boolean {
    const { io } = this.sails;
    return !io || Object.hasOwn((io.engine as unknown as { clients: object }).clients, id);
  }
}
