/** An HTTP address taken apart; the runtime of k6 has no `URL`. */
export interface Address {
  /** `http://host:port`, without a path. */
  origin: string;
  /** The same for a WebSocket: `ws://host:port`. */
  webSocketOrigin: string;
  host: string;
}

/** @throws Error naming the address where it is no absolute `http:` or `https:` one */
export function parseAddress(text: string): Address {
  const match = /^(https?):\/\/([^/?#\s]+)\/?$/.exec(text);
  if (!match) {
    throw new Error(`"${text}" is no address to test: give scheme, host and port only, e.g. http://localhost:1337`);
  }
  const [, scheme, host] = match as unknown as [string, string, string];
  return { origin: `${scheme}://${host}`, webSocketOrigin: `${scheme === 'https' ? 'wss' : 'ws'}://${host}`, host };
}

export function queryString(query: Record<string, string>): string {
  return Object.entries(query)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
}
