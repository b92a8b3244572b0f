import type { Server } from 'socket.io';
import type { Fleet } from '../bus/fleet';
import type { Identity } from '../bus/identity';
import { HookMetrics } from '../metrics/hook-metrics';
import type { SailsApp } from '../types/sails';
import type { AdminBus } from './adapters/admin-bus';
import { ConnectedSockets } from './connection/connected-sockets';
import { HookCounters } from './counters';
import { RequestLimit } from './limits/request-limit';
import { readHook } from './metrics/read-hook';
import { OutstandingWork } from './outstanding-work';
import { RequestsInFlight } from './requests/requests-in-flight';
import { VirtualRouter } from './requests/virtual-router';
import { SocketSessions } from './session/socket-sessions';
import type { CompleteFlotillaSettings } from './settings/flotilla-settings';

/** What the parts of the hook share, one object per app. */
export class HookRuntime {
  readonly counters = new HookCounters();
  readonly metrics = new HookMetrics(() => readHook(this));
  /** Joins and leaves made through `sails.sockets` that are not effective everywhere yet. */
  readonly orders = new OutstandingWork();
  /** Virtual requests that are not answered yet. */
  readonly requests = new RequestsInFlight();
  readonly router: VirtualRouter;
  readonly requestLimit = new RequestLimit(this);
  /** `afterDisconnect` functions that have not finished yet. */
  readonly farewells = new OutstandingWork();
  readonly connections = new ConnectedSockets();
  /** Set for good when the process begins to give up its sockets; the app may still be up for a while. */
  draining = false;
  readonly sessions = new SocketSessions(this);
  /** Set for good when the app begins to lower. */
  lowering = false;
  /** This process' membership; absent where a third-party adapter is configured. */
  fleet: Fleet | undefined;
  /** The admin bus of sails-hook-sockets, where a Redis adapter that it knows is configured. */
  adminBus: AdminBus | undefined;
  /** Frees what the hook has opened, in reverse order. */
  readonly cleanups: Array<() => void | Promise<void>> = [];
  #io: Server | undefined;

  constructor(
    readonly app: SailsApp,
    private readonly ownIdentity: Identity,
  ) {
    this.router = new VirtualRouter(app);
  }

  /** Who this process is; workers that elect their hub share a pod. */
  get identity(): Identity {
    return this.fleet?.identity ?? this.ownIdentity;
  }

  get io(): Server {
    if (!this.#io) throw new Error('the Socket.IO server does not exist before the hook is initialized');
    return this.#io;
  }

  set io(io: Server) {
    this.#io = io;
  }

  get hasServer(): boolean {
    return this.#io !== undefined;
  }

  get settings(): CompleteFlotillaSettings {
    return this.app.config.flotilla as CompleteFlotillaSettings;
  }
}
