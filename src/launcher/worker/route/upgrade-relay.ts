import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Owner } from '../../../bus/ids';
import { answerOverUpgrade } from '../../front-door/over-upgrade';
import { detachHandle, handleOf, shownClient } from '../../raw-handle';
import type { PrimaryLink } from '../primary-link';
import { serialiseHead } from './http-head';
import type { OwnerConnector } from './owner-connector';
import { formatPeer, PEER_HEADER, peerOf } from './peer-header';
import { whenQuiet } from './quiet-socket';

const LOOK_EVERY_MS = 20;

/** Passes upgrades on to the worker that has their session: by handing over the connection, or through a tunnel where that cannot be. */
export class UpgradeRelay {
  readonly #tunnels = new Set<Socket>();
  /** Upgrades that have no answer yet, and what gives them one. */
  readonly #waiting = new Map<Socket, () => void>();

  /**
   * @param link the way to a primary that hands connections over; without it every upgrade is tunnelled
   */
  constructor(
    private readonly link: PrimaryLink | undefined,
    private readonly connector: OwnerConnector,
  ) {}

  /** @returns the way that it takes */
  pass(request: IncomingMessage, socket: Socket, head: Buffer, owner: Owner): 'hand-over' | 'tunnel' {
    // nobody else listens to this socket any more
    socket.on('error', () => socket.destroy());
    const handOver = this.link !== undefined && this.connector.isInThisPod(owner) && canHandOver(socket);
    // `socket.pause()` would let one more chunk through
    if (handOver) handleOf(socket)?.readStop();
    whenQuiet(socket, () => {
      const rest = Buffer.concat([head, (socket.read() as Buffer | null) ?? Buffer.alloc(0)]);
      if (handOver) this.#handOver(socket, Buffer.concat([serialiseHead(request), rest]), owner.worker);
      else void this.#tunnel(request, socket, rest, owner);
    });
    return handOver ? 'hand-over' : 'tunnel';
  }

  /** Gives an upgrade that begins a session back to the primary, for another worker. @returns whether that can be */
  giveBack(request: IncomingMessage, socket: Socket, head: Buffer): boolean {
    if (this.link === undefined || !canHandOver(socket)) return false;
    socket.on('error', () => socket.destroy());
    handleOf(socket)?.readStop();
    whenQuiet(socket, () => {
      const rest = Buffer.concat([head, (socket.read() as Buffer | null) ?? Buffer.alloc(0)]);
      this.#handOver(socket, Buffer.concat([serialiseHead(request), rest]), undefined);
    });
    return true;
  }

  /**
   * Settles when every upgrade under way has its answer. Those that take longer than the patience are told that it is over:
   * their clients go on polling, through another process.
   */
  async end(patienceMs: number): Promise<void> {
    const begun = performance.now();
    while (this.#waiting.size > 0 && performance.now() - begun < patienceMs) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    for (const giveUp of this.#waiting.values()) giveUp();
  }

  close(): void {
    for (const giveUp of this.#waiting.values()) giveUp();
    for (const socket of this.#tunnels) socket.destroy();
  }

  #handOver(socket: Socket, head: Buffer, owner: string | undefined): void {
    const handle = detachHandle(socket);
    if (!handle) return;
    this.link?.sendHandle({ flotilla: 'handover', to: owner, head, client: shownClient(handle) }, handle);
  }

  async #tunnel(request: IncomingMessage, socket: Socket, rest: Buffer, owner: Owner): Promise<void> {
    socket.setTimeout(0);
    socket.setNoDelay(true);
    let far: Socket | undefined;
    const giveUp = () => {
      this.#waiting.delete(socket);
      far?.destroy();
      answerOverUpgrade(request, socket);
    };
    this.#waiting.set(socket, giveUp);
    socket.once('close', () => {
      this.#waiting.delete(socket);
      far?.destroy();
    });
    try {
      far = await this.connector.connect(owner);
    } catch {
      if (this.#waiting.has(socket)) giveUp();
      return;
    }
    if (!this.#waiting.has(socket)) {
      far.destroy();
      return;
    }
    this.#through(socket, far, giveUp);
    far.write(serialiseHead(request, [PEER_HEADER, formatPeer(peerOf(socket))]));
    if (rest.length > 0) far.write(rest);
  }

  #through(socket: Socket, far: Socket, giveUp: () => void): void {
    this.#tunnels.add(far);
    far.once('data', () => this.#waiting.delete(socket));
    far.once('close', () => {
      this.#tunnels.delete(far);
      if (this.#waiting.has(socket)) giveUp();
      else socket.destroySoon();
    });
    socket.pipe(far);
    far.pipe(socket);
  }
}

/** A TLS connection's keys stay in this process; Windows passes no connections over IPC reliably. */
function canHandOver(socket: Socket): boolean {
  return !(socket instanceof TLSSocket) && process.platform !== 'win32';
}
