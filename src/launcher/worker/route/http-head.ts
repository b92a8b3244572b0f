import type { IncomingMessage } from 'node:http';

/** Headers that belong to one connection (RFC 9110, 7.6.1), in lower case. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Header names and values in turn, as in `message.rawHeaders`. */
export type RawHeaders = string[];

/** The headers of a message that go on to the next process: hop-by-hop ones, and those that `Connection` names, left out. */
export function endToEndHeaders(message: IncomingMessage, ...alsoDropped: string[]): RawHeaders {
  const dropped = new Set([...HOP_BY_HOP, ...alsoDropped]);
  for (const name of (message.headers.connection ?? '').split(',')) dropped.add(name.trim().toLowerCase());
  return filterHeaders(message.rawHeaders, (name) => !dropped.has(name));
}

/** Keeps the headers whose lower-case name passes. */
export function filterHeaders(headers: RawHeaders, keep: (name: string) => boolean): RawHeaders {
  const kept: RawHeaders = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const [name, value] = [headers[at] as string, headers[at + 1] as string];
    if (keep(name.toLowerCase())) kept.push(name, value);
  }
  return kept;
}

/** Removes a header from a received message, in every form in which Node shows it. */
export function removeHeader(message: IncomingMessage, name: string): void {
  // the parsed forms first: Node makes them when they are first read, from as many raw headers as there were at the start
  delete message.headers[name];
  delete message.headersDistinct[name];
  message.rawHeaders = filterHeaders(message.rawHeaders, (each) => each !== name);
}

/** Writes a request's head as it came, with more headers after its own. */
export function serialiseHead(request: IncomingMessage, more: RawHeaders = []): Buffer {
  const headers = [...request.rawHeaders, ...more];
  let text = `${request.method} ${request.url} HTTP/${request.httpVersion}\r\n`;
  for (let at = 0; at + 1 < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`;
  // Node reads heads as latin1, so this gives the bytes back
  return Buffer.from(`${text}\r\n`, 'latin1');
}
