import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Owner } from '../../../bus/ids';
import { answerOverUpgrade } from '../../front-door/over-upgrade';
import { PeerDirectory } from '../../peer/peer-directory';
import type { PeerKey } from '../../peer/peer-keys';
import type { PeerTls } from '../../peer/peer-tls';
import type { RawHandle } from '../../raw-handle';
import type { PrimaryLink } from '../primary-link';
import { answerWithClosePacket } from './close-packet';
import { MisroutedCheck } from './misrouted';
import { OwnerConnector, type Reach } from './owner-connector';
import { dropForgedPeer } from './peer-header';
import { type EmitToApp, type PeerAnswers, PeerServer } from './peer-server';
import { PollRelay } from './poll-relay';
import { whenQuiet } from './quiet-socket';
import { UpgradeRelay } from './upgrade-relay';

/** What a {@link Router} needs. */
export interface RouterOptions {
  /** The app's server. */
  server: Server;
  link: PrimaryLink;
  /** Whether the primary hands connections over. */
  handsOver: boolean;
  /** This worker. */
  self: Owner;
  /** Socket.IO's path. */
  socketPath: string;
  /** Where the worker with a tag takes requests of other workers. */
  peerPathOf(tag: string): string;
  /** What pods prove to each other; without any nothing is passed on to other pods. */
  peerKeys: readonly PeerKey[];
  /** With what TLS is spoken with other pods; `undefined`: it is not. */
  peerTls: PeerTls | undefined;
  /** Whether this worker has a session, whatever its id looks like. */
  hasSession(id: string): boolean;
  /** Hears of each connection that came through another worker. */
  onTunnel(socket: Socket): void;
  /** Hears once per pod that requests cannot be passed on to it though it lives. */
  onTrouble(message: string): void;
  /** Hears of the errors with which Node's server refuses what is no request. */
  onRefused(error: unknown): void;
}

/**
 * Looks at every request before the app does, and passes those whose session another worker has on to it, in this pod or in
 * another. In mode `route` that is what makes polling work. In mode `sticky` it catches requests that overtake the message by which
 * `@socket.io/sticky` learns of their session.
 */
export class Router {
  /**
   * How many requests were passed on, by way: `poll`, `hand-over`, `tunnel`; to other pods `pod-poll` and `pod-tunnel`.
   * `gone` counts those whose session is over, or whose owner's pod is no more.
   */
  readonly passedOn = new Map<string, number>();
  /** Connections between pods that ended at a certificate, by the side on which this worker was. */
  readonly peerTlsRefused = new Map<'listener' | 'dialer', number>([
    ['listener', 0],
    ['dialer', 0],
  ]);
  /** Takes the new clients of this worker, which drains. */
  #successor: Owner | undefined;
  readonly #check: MisroutedCheck;
  readonly #connector: OwnerConnector;
  readonly #polls: PollRelay;
  readonly #upgrades: UpgradeRelay;
  readonly #peers: PeerServer;

  constructor(private readonly options: RouterOptions) {
    const { server, link, handsOver, self, socketPath, peerPathOf, peerKeys, peerTls, onTunnel, onTrouble } = options;
    this.#check = new MisroutedCheck(socketPath);
    const directory = new PeerDirectory(link, (podTag) => {
      this.#connector.podLeft(podTag);
      this.#polls.podLeft(podTag);
    });
    const onTlsRefused = (side: 'listener' | 'dialer') =>
      this.peerTlsRefused.set(side, (this.peerTlsRefused.get(side) ?? 0) + 1);
    this.#connector = new OwnerConnector({
      self,
      socketPathOf: peerPathOf,
      directory,
      keys: peerKeys,
      tls: peerTls,
      onTrouble,
      onTlsRefused: () => onTlsRefused('dialer'),
    });
    this.#polls = new PollRelay(this.#connector);
    this.#upgrades = new UpgradeRelay(handsOver ? link : undefined, this.#connector);
    const emit = server.emit.bind(server) as EmitToApp;
    this.#intercept(server, emit);
    this.#peers = new PeerServer({
      app: server,
      tls: peerTls,
      onTunnel,
      emitToApp: this.#unlessOver(emit),
      onTlsRefused: () => onTlsRefused('listener'),
    });
  }

  /** Opens the door for other workers. */
  listen(): Promise<void> {
    return this.#peers.listen(this.options.peerPathOf(this.options.self.worker));
  }

  /** Takes a connection of another pod. */
  takePeer(handle: RawHandle, answers: PeerAnswers): void {
    this.#peers.take(handle, answers);
  }

  /** From now on, clients that come over a connection that is still open here begin their sessions at this worker. */
  sendNewClientsTo(tag: string): void {
    this.#successor = { pod: this.options.self.pod, worker: tag };
  }

  /** Settles when the polls and upgrades under way for other workers are answered, those that take longer with a close. */
  async endPassing(patienceMs: number): Promise<void> {
    await Promise.all([this.#polls.end(patienceMs), this.#upgrades.end(patienceMs)]);
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
  #intercept(server: Server, emitToApp: EmitToApp): void {
    const emit = emitToApp as (event: string | symbol, ...args: unknown[]) => boolean;
    server.emit = (event: string | symbol, ...args: unknown[]) => {
      if (event === 'request' || event === 'checkContinue' || event === 'checkExpectation') {
        const [request, response] = args as [IncomingMessage, ServerResponse];
        if (this.#passPoll(request, response, event === 'checkContinue')) return true;
      } else if (event === 'upgrade') {
        const [request, socket, head] = args as [IncomingMessage, Socket, Buffer];
        if (this.#passUpgrade(request, socket, head)) return true;
        whenQuiet(socket, () => emit(event, ...args));
        return true;
      } else if (event === 'clientError' || event === 'tlsClientError') this.options.onRefused(args[0]);
      return emit(event, ...args);
    };
  }

  #passPoll(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): boolean {
    dropForgedPeer(request);
    const owner = this.#ownerOf(request) ?? this.#successorFor(request);
    if (owner === undefined) return false;
    const reach = this.#reach(owner);
    // a preflight is the app's to answer
    if (reach === 'unconfigured' || (reach === 'gone' && request.method === 'OPTIONS')) return false;
    if (expectsContinue) response.writeContinue();
    if (reach === 'gone') this.#answerGone(request, response);
    else {
      this.#count(this.#connector.isInThisPod(owner) ? 'poll' : 'pod-poll');
      this.#polls.pass(request, response, owner);
    }
    return true;
  }

  #passUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): boolean {
    dropForgedPeer(request);
    if (this.#successorFor(request) && this.#upgrades.giveBack(request, socket, head)) {
      this.#count('hand-over');
      return true;
    }
    const owner = this.#ownerOf(request);
    const reach = owner && this.#reach(owner);
    if (reach === undefined || owner === undefined || reach === 'unconfigured') return false;
    if (reach === 'gone') {
      this.#count('gone');
      whenQuiet(socket, () => answerOverUpgrade(request, socket));
      return true;
    }
    const way = this.#upgrades.pass(request, socket, head, owner);
    this.#count(this.#connector.isInThisPod(owner) ? way : 'pod-tunnel');
    return true;
  }

  /** Answers a request that another worker has passed on itself, where its session has ended meanwhile. */
  #unlessOver(emitToApp: EmitToApp): EmitToApp {
    const emit = emitToApp as (event: string, ...args: unknown[]) => boolean;
    return (event: string, ...args: unknown[]) => {
      const [request, peer] = args as [IncomingMessage, ServerResponse | Socket];
      const owner = this.#ownerOf(request);
      // of a session that another worker may still have nobody is told here that it is over
      if (request.method === 'OPTIONS' || !owner || !this.#isSelf(owner)) return emit(event, ...args);
      if (event === 'upgrade') {
        this.#count('gone');
        answerOverUpgrade(request, peer as Socket);
      } else this.#answerGone(request, peer as ServerResponse);
      return true;
    };
  }

  #answerGone(request: IncomingMessage, response: ServerResponse): void {
    this.#count('gone');
    answerWithClosePacket(request, response);
  }

  /** The worker whose session this request is for, where this one does not have the session. */
  #ownerOf({ url }: IncomingMessage): Owner | undefined {
    const session = this.#check.sessionOf(url);
    // ids that name nobody look as if they named another pod
    return !session || this.options.hasSession(session.id) ? undefined : session.owner;
  }

  #successorFor({ method, url }: IncomingMessage): Owner | undefined {
    return this.#successor && method === 'GET' && this.#check.isHandshake(url) ? this.#successor : undefined;
  }

  /** A session of this worker that it does not have has ended: a client that has not heard of it yet still sends. */
  #reach(owner: Owner): Reach {
    return this.#isSelf(owner) ? 'gone' : this.#connector.reach(owner);
  }

  #isSelf(owner: Owner): boolean {
    const { self } = this.options;
    return owner.pod === self.pod && owner.worker === self.worker;
  }

  #count(way: string): void {
    this.passedOn.set(way, (this.passedOn.get(way) ?? 0) + 1);
  }
}
