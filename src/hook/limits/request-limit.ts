import type { ConnectedSocket } from '../connection/connected-socket';
import type { HookRuntime } from '../runtime';
import { RareWarning } from './rare-warning';
import { PLACE_HELD_MS } from './request-places';

/** Bounds how many virtual requests each socket has in flight: `maxRequestsInFlight`. */
export class RequestLimit {
  readonly #full: RareWarning;
  readonly #unanswered: RareWarning;

  constructor(private readonly runtime: HookRuntime) {
    this.#full = new RareWarning(runtime);
    this.#unanswered = new RareWarning(runtime);
  }

  /** The number of the place that a request takes, or `undefined` where its socket has too many in flight. */
  admit({ places, socket }: ConnectedSocket): number | undefined {
    const { maxRequestsInFlight } = this.runtime.settings;
    const abandoned = places.abandoned;
    const place = places.take(maxRequestsInFlight, performance.now());
    if (places.abandoned > abandoned) {
      this.#unanswered.warn(
        `Flotilla: socket ${socket.id} has requests that were not answered for ${PLACE_HELD_MS / 1_000} s ` +
          `(${places.abandoned - abandoned} were just given up): an action seems to return without a response.`,
      );
    }
    if (place === undefined) {
      this.runtime.counters.refusedOverLimit += 1;
      this.#full.warn(
        `Flotilla: socket ${socket.id} has ${maxRequestsInFlight} virtual requests in flight ` +
          '(`sails.config.flotilla.maxRequestsInFlight`): others are answered with 429.',
      );
    }
    return place;
  }
}
