import augmentForSails from 'sails.io.js';
import { Manager, protocol } from 'socket.io-client';
import { connectRaw } from './connect-raw';
import { reviseRequests } from './revise-requests';
import { scriptTagSays } from './script-tag';
import type { SailsIo, SailsSocket } from './types';

/** The first attempt to come back follows at once, spread a little, since servers that drain spread the cuts themselves. */
const RECONNECTION_DELAY_MS = 200;
const RECONNECTION_DELAY_MAX_MS = 5_000;

type RawSailsSocket = SailsSocket & { _raw?: { recovered: boolean; active: boolean; disconnect(): void } };

/**
 * Makes the client of a Sails app: the API of sails.io.js 1.2, on the client of Socket.IO 4. It differs in what
 * docs/client.md lists: it comes back by itself, takes up where it was (`recovered`), follows a draining server's hint, and
 * can send requests again that were cut off.
 *
 * As with sails.io.js, `io.socket` connects in the next tick unless `io.sails.autoConnect` is set to false before.
 */
export function createClient(): SailsIo {
  // A function of its own for each client: sails.io.js adds itself to the one it is given.
  const connect = (url: string | undefined, settings: SailsSocket) => connectRaw(url, settings);
  const io: SailsIo = augmentForSails(Object.assign(connect, { Manager, protocol }));
  const { sails } = io;
  if (typeof window !== 'undefined') nameBrowser(sails.sdk);
  if (!scriptTagSays('reconnection')) sails.reconnection = true;
  sails.reconnectionDelay = RECONNECTION_DELAY_MS;
  sails.reconnectionDelayMax = RECONNECTION_DELAY_MAX_MS;
  sails.randomizationFactor = 1;
  sails.retryRequests = [];

  const prototype: RawSailsSocket = Object.getPrototypeOf(io.socket);
  Object.defineProperty(prototype, 'recovered', {
    get(this: RawSailsSocket) {
      return this._raw?.recovered === true;
    },
  });
  const { reconnect } = prototype;
  prototype.reconnect = function (this: RawSailsSocket) {
    // One that is still trying would go on beside the new one.
    if (!this.isConnected() && this._raw?.active) this._raw.disconnect();
    return reconnect.call(this);
  };
  reviseRequests(prototype, sails);
  return io;
}

declare const window: unknown;

/** In a bundle sails.io.js takes itself to be in Node.js, and would tell the server so. */
function nameBrowser(sdk: SailsIo['sails']['sdk']): void {
  sdk.versionString = sdk.versionString.replace(`=${sdk.platform}&`, '=browser&');
  sdk.platform = 'browser';
}
