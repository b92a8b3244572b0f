import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Owner } from '../../../bus/ids';
import type { PrimaryLink } from '../primary-link';
import { MisroutedCheck } from './misrouted';
import { dropForgedPeer } from './peer-header';
import { PeerServer } from './peer-server';
import { PollRelay } from './poll-relay';
import { whenQuiet } from './quiet-socket';
import { UpgradeRelay } from './upgrade-relay';

/** What a {@link Router} needs. */
export interface RouterOptions {
  /** The app's server. */
  server: Server;
  /** The way to a primary that hands connections over, if it does. */
  link: PrimaryLink | undefined;
  /** This worker. */
  self: Owner;
  /** Socket.IO's path. */
  socketPath: string;
  /** Where the worker with a tag takes requests of other workers. */
  peerPathOf(tag: string): string;
  /** Hears of each connection that came through another worker. */
  onTunnel(socket: Socket): void;
}

/**
 * Looks at every request before the app does, and passes those whose session another worker of this pod has on to it. In
 * mode `route` that is what makes polling work. In mode `sticky` it catches requests that overtake the message by which
 * `@socket.io/sticky` learns of their session.
 */
export class Router {
  /** How many requests were passed on, by way: `poll`, `hand-over`, `tunnel`. */
  readonly passedOn = new Map<string, number>();
  readonly #check: MisroutedCheck;
  readonly #polls: PollRelay;
  readonly #upgrades: UpgradeRelay;
  readonly #peers: PeerServer;

  constructor(private readonly options: RouterOptions) {
    const { server, link, self, socketPath, peerPathOf, onTunnel } = options;
    this.#check = new MisroutedCheck(self, socketPath);
    this.#polls = new PollRelay(peerPathOf);
    this.#upgrades = new UpgradeRelay(link, peerPathOf);
    this.#intercept(server);
    this.#peers = new PeerServer(server, onTunnel);
  }

  /** Opens the door for other workers. */
  listen(): Promise<void> {
    return this.#peers.listen(this.options.peerPathOf(this.options.self.worker));
  }

  /** Ends tunnels, and settles when requests under way for other workers are answered. */
  async close(): Promise<void> {
    this.#upgrades.close();
    this.#polls.close();
    await this.#peers.close();
  }

  /**
   * Before every listener, now and later: Socket.IO replaces the listeners of the server it is given, so a listener of ours
   * would not stay the first.
   */
  #intercept(server: Server): void {
    const emit = server.emit.bind(server) as (event: string | symbol, ...args: unknown[]) => boolean;
    server.emit = (event: string | symbol, ...args: unknown[]) => {
      if (event === 'request' || event === 'checkContinue' || event === 'checkExpectation') {
        const [request, response] = args as [IncomingMessage, ServerResponse];
        if (this.#passPoll(request, response, event === 'checkContinue')) return true;
      } else if (event === 'upgrade') {
        const [request, socket, head] = args as [IncomingMessage, Socket, Buffer];
        if (this.#passUpgrade(request, socket, head)) return true;
        whenQuiet(socket, () => emit(event, ...args));
        return true;
      }
      return emit(event, ...args);
    };
  }

  #passPoll(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): boolean {
    dropForgedPeer(request);
    const owner = this.#check.ownerOf(request.url);
    if (owner === undefined) return false;
    if (expectsContinue) response.writeContinue();
    this.#count('poll');
    this.#polls.pass(request, response, owner);
    return true;
  }

  #passUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): boolean {
    dropForgedPeer(request);
    const owner = this.#check.ownerOf(request.url);
    if (owner === undefined) return false;
    this.#count(this.#upgrades.pass(request, socket, head, owner));
    return true;
  }

  #count(way: string): void {
    this.passedOn.set(way, (this.passedOn.get(way) ?? 0) + 1);
  }
}
