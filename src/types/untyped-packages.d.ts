/*
 * Packages without types of their own that this repository's tests require.
 */

declare module 'sails' {
  /** Makes a Sails app; loosely typed, as tests reach into everything. */
  export function Sails(): import('./sails').SailsApp & {
    // biome-ignore lint/suspicious/noExplicitAny: an untyped package's whole surface
    [member: string]: any;
  };
}

declare module 'sails.io.js' {
  // biome-ignore lint/suspicious/noExplicitAny: an untyped package's whole surface
  export default function sailsIo(socketIoClient: unknown): any;
}

declare module 'socket.io-client-2' {
  // biome-ignore lint/suspicious/noExplicitAny: an untyped package's whole surface
  export default function connect(...args: unknown[]): any;
}

declare module 'sails-hook-sockets' {
  // biome-ignore lint/suspicious/noExplicitAny: an untyped package's whole surface
  export default function hook(app: any): any;
}
