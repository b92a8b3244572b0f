import { parse as parseUrl } from 'node:url';
import { inspect } from 'node:util';
import { SocketsParseError } from '../errors';
import type { SocketFacts } from './socket-facts';
import { dropPrototypeKeys, dropPrototypeParameters } from './untrusted-data';

/** A client's message, checked. */
export interface RequestMessage {
  url: string;
  /** The path within the URL. */
  path: string;
  body: unknown;
  headers: Record<string, unknown>;
}

/** The client's acknowledgement: sends the virtual response. */
export type Acknowledge = (response: unknown) => void;

/** Splits the arguments of an event into message and acknowledgement, which Socket.IO puts last. */
export function splitArguments(args: unknown[]): {
  message: unknown;
  acknowledge: Acknowledge | undefined;
  rest: unknown[];
} {
  const last = args.at(-1);
  const acknowledge = typeof last === 'function' ? (last as Acknowledge) : undefined;
  const [message, ...rest] = acknowledge ? args.slice(0, -1) : args;
  return { message, acknowledge, rest };
}

/** Checks a client's message. Throws {@link SocketsParseError}. */
export function parseMessage(facts: SocketFacts, message: unknown, rest: unknown[]): RequestMessage {
  if (rest.some((value) => value !== undefined && value !== null)) {
    throw new SocketsParseError('A callback may be left out; what follows the message must be one.');
  }
  if (!isPlainObject(message))
    throw new SocketsParseError(`The message must be an object with a url, got: ${excerpt(message)}`);
  const { url, data, params, headers } = message;
  if (!url) throw new SocketsParseError(`No url provided in request: ${excerpt(message)}`);
  if (typeof url !== 'string') throw new SocketsParseError(`Invalid url provided: ${excerpt(url)}`);
  if (!facts.speaksVirtualRequests) {
    throw new SocketsParseError(
      `This client's SDK version (${excerpt(facts.sdkVersion)}) is not compatible: 0.11.0 or later is needed, named by ` +
        '`__sails_io_sdk_version` in the query of the connection.',
    );
  }
  return {
    url: dropPrototypeParameters(url),
    path: pathOf(url),
    body: bodyOf(params, data),
    headers: headersOf(headers),
  };
}

/** As Node's legacy parser reads it, which is what core's router uses. */
function pathOf(url: string): string {
  const plain = /^(\/[^?#\s"'<>\\^`{|}]*)(?:\?[^#\s]*)?$/.exec(url);
  if (plain) return plain[1] as string;
  try {
    return parseUrl(url).pathname || '/';
  } catch {
    throw new SocketsParseError(`Invalid url provided: ${excerpt(url)}`);
  }
}

/** `params` and `data` together are the body; an array stays one. */
function bodyOf(params: unknown, data: unknown): unknown {
  for (const part of [params, data]) {
    if (part && !Array.isArray(part) && !isPlainObject(part)) {
      throw new SocketsParseError(`The data must be an object or an array, got: ${excerpt(part)}`);
    }
    if (part && !dropPrototypeKeys(part)) throw new SocketsParseError('The data is nested too deeply.');
  }
  if (Array.isArray(data)) return data;
  return { ...(params || {}), ...(data || {}) };
}

function headersOf(headers: unknown): Record<string, unknown> {
  if (headers === undefined || headers === null) return {};
  if (!isPlainObject(headers)) throw new SocketsParseError(`The headers must be an object, got: ${excerpt(headers)}`);
  if (!dropPrototypeKeys(headers)) throw new SocketsParseError('The headers are nested too deeply.');
  return headers;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return Object.prototype.toString.call(value) === '[object Object]';
}

/** A short form for messages: what clients send can be megabytes. */
function excerpt(value: unknown): string {
  const text =
    typeof value === 'string'
      ? value
      : inspect(value, { depth: 0, maxArrayLength: 3, maxStringLength: 60, breakLength: Infinity });
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
