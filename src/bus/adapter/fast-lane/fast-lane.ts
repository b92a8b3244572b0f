import type { Server } from 'socket.io';
import { DirectWriter } from './direct-writer';
import { type EngineConnection, type EngineTransport, findWebsocketStream } from './engine-internals';
import { FrameRun } from './frame-run';
import { LaneSocket } from './lane-socket';

const LANE_SOCKET = Symbol('lane socket');

/** A transport, with what was found out about it. */
type KnownTransport = EngineTransport & { [LANE_SOCKET]?: LaneSocket | null };

const lanes = new WeakMap<Server, FastLane>();

/**
 * The short way of a server's broadcasts: ready websocket frames go straight to the streams of the connections, those of
 * one tick in one write. The order with everything else that a connection sends is kept.
 */
export class FastLane {
  /** Hears of each message that took the lane. */
  onWrite: (() => void) | undefined;

  readonly #writer = new DirectWriter();
  #corked: LaneSocket[] = [];
  /** Sockets that get this frame as the first of the tick share its run. */
  #run: FrameRun | undefined;
  #lastEngine: unknown;
  #isLastEngineWatched = false;

  /** The lane that the namespaces of a server share, as their sockets share connections. */
  static of(server: Server): FastLane {
    let lane = lanes.get(server);
    if (!lane) {
      lane = new FastLane();
      lanes.set(server, lane);
    }
    return lane;
  }

  /** Called before each broadcast: listeners to the server's packets may have come or gone. */
  begin(): void {
    this.#lastEngine = undefined;
  }

  /** Writes a frame if the connection can take it now; else says no, and the packet has to go Engine.IO's way. */
  write(connection: EngineConnection, frame: Buffer): boolean {
    const transport = connection.transport as KnownTransport;
    let socket = transport[LANE_SOCKET];
    if (socket === undefined) {
      const stream = findWebsocketStream(connection);
      socket = stream ? new LaneSocket(connection, stream, this.#writer) : null;
      transport[LANE_SOCKET] = socket;
    }
    if (socket === null || !socket.isFree) return false;
    if (!socket.isCorked) {
      if (socket.isWatched || this.#isEngineWatched(connection.server)) return false;
      this.#corked.push(socket);
      if (this.#corked.length === 1) this.#flushAtEndOfTick();
    }
    socket.write(frame, this.#runOf);
    this.onWrite?.();
    return true;
  }

  readonly #runOf = (frame: Buffer): FrameRun => {
    if (this.#run?.frame !== frame) this.#run = new FrameRun(frame);
    return this.#run as FrameRun;
  };

  #isEngineWatched(engine: EngineConnection['server']): boolean {
    if (engine !== this.#lastEngine) {
      this.#lastEngine = engine;
      this.#isLastEngineWatched = engine.listenerCount('flush') > 0 || engine.listenerCount('drain') > 0;
    }
    return this.#isLastEngineWatched;
  }

  #flushAtEndOfTick(): void {
    process.nextTick(this.#flush);
    // `io.emit('bye'); process.exit()` reaches the clients with Socket.IO's own adapter.
    process.on('exit', this.#flush);
  }

  readonly #flush = (): void => {
    const corked = this.#corked;
    this.#corked = [];
    this.#run = undefined;
    process.off('exit', this.#flush);
    for (const socket of corked) {
      try {
        socket.flush();
      } catch (error) {
        // From a listener of the app's to the end of a connection. The other sockets can't wait for it.
        process.nextTick(raise, error);
      }
    }
  };
}

function raise(error: unknown): never {
  throw error;
}
