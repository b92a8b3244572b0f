import type { io as Connect, Socket } from 'socket.io-client';

/** Events that socket.io-client 2 emitted on the socket and 3 moved to its Manager, with their new names. */
const MANAGER_EVENTS: Record<string, string> = {
  reconnect: 'reconnect',
  reconnecting: 'reconnect_attempt',
  reconnect_attempt: 'reconnect_attempt',
  reconnect_error: 'reconnect_error',
  reconnect_failed: 'reconnect_failed',
};

const OPTIONS = [
  'path',
  'transports',
  'reconnection',
  'reconnectionAttempts',
  'reconnectionDelay',
  'reconnectionDelayMax',
  'rejectUnauthorized',
  'timeout',
];

/**
 * What sails.io.js 1.2.1 needs to work with socket.io-client 4 in the place of the 2.0.3 that it bundles: its options
 * are accessors, which version 4 does not copy, and it listens to reconnection on the socket.
 */
export function sailsIoOptionsFor4(connect: typeof Connect) {
  // biome-ignore lint/suspicious/noExplicitAny: sails.io.js hands its own socket object over as options
  const wrapped = (url: string, options: any): Socket => {
    const copied: Record<string, unknown> = { forceNew: options.multiplex === false };
    for (const name of OPTIONS) if (options[name] !== undefined) copied[name] = options[name];
    if (typeof options.query === 'string') copied.query = Object.fromEntries(new URLSearchParams(options.query));
    const headers = options.extraHeaders ?? options.initialConnectionHeaders;
    if (headers) copied.extraHeaders = headers;
    const socket = connect(url, copied);
    const on = socket.on.bind(socket);
    socket.on = ((event: string, listener: (...args: unknown[]) => void) => {
      const managerEvent = MANAGER_EVENTS[event];
      if (managerEvent) socket.io.on(managerEvent as 'reconnect', listener);
      else on(event, listener);
      return socket;
    }) as typeof socket.on;
    return socket;
  };
  return Object.assign(wrapped, connect);
}
