import http from 'k6/http';
import { parseAddress } from './address.ts';
import { parseRoute } from './route.ts';
import { type HttpMethod, SailsSocket, type SailsSocketOptions } from './sails-socket.ts';
import { choiceSetting, durationSetting, textSetting } from './setting.ts';

const urls = textSetting('TARGET', 'http://localhost:1337')
  .split(',')
  .map((url) => parseAddress(url.trim()).origin);
let nextUrl = __VU;

/** The app under test, and what these scripts ask of it: see contract.md. */
export const target = {
  /** The first of its addresses, for HTTP. */
  url: urls[0] as string,
  path: textSetting('SOCKET_PATH', '/socket.io/'),
  version: Number(choiceSetting('EIO', '4', ['3', '4'])) as 3 | 4,
  transport: choiceSetting('TRANSPORT', 'websocket', ['websocket', 'polling']),
  origin: textSetting('ORIGIN', ''),
  connectTimeoutMs: durationSetting('CONNECT_TIMEOUT', 10_000),
  ackTimeoutMs: durationSetting('ACK_TIMEOUT', 10_000),
  routes: {
    join: parseRoute('JOIN_ROUTE', textSetting('JOIN_ROUTE', 'POST /loadtest/rooms/:room/join')),
    members: parseRoute('MEMBERS_ROUTE', textSetting('MEMBERS_ROUTE', 'GET /loadtest/rooms/:room')),
    send: parseRoute('SEND_ROUTE', textSetting('SEND_ROUTE', 'POST /loadtest/rooms/:room/messages')),
    login: parseRoute('LOGIN_ROUTE', textSetting('LOGIN_ROUTE', 'POST /api/login')),
    logout: parseRoute('LOGOUT_ROUTE', textSetting('LOGOUT_ROUTE', 'POST /api/logout')),
    whoami: parseRoute('WHOAMI_ROUTE', textSetting('WHOAMI_ROUTE', 'GET /api/whoami')),
    follow: parseRoute('FOLLOW_ROUTE', textSetting('FOLLOW_ROUTE', 'GET /api/users')),
    publish: parseRoute('PUBLISH_ROUTE', textSetting('PUBLISH_ROUTE', 'PATCH /api/users/me')),
  },
  /** Event of a broadcast to a room. */
  event: textSetting('EVENT', 'loadtestMessage'),
  /** Body of the login; `{user}` is filled in. */
  loginBody: textSetting('LOGIN_BODY', '{"name":"{user}"}'),
  /** Event of the model whose records are published, and the attribute that carries the mark of a message. */
  modelEvent: textSetting('MODEL_EVENT', 'user'),
  modelField: textSetting('MODEL_FIELD', 'displayName'),
};

/** Options for a socket to the app, as the settings have it. Several addresses (pods) take turns. */
export function socketOptions(more: Partial<SailsSocketOptions> = {}): SailsSocketOptions {
  const url = urls[nextUrl % urls.length] as string;
  nextUrl += 1;
  const { path, version, transport, origin, connectTimeoutMs, ackTimeoutMs } = target;
  const options: SailsSocketOptions = { url, path, version, transport, connectTimeoutMs, ackTimeoutMs };
  if (origin) options.origin = origin;
  return { ...options, ...more };
}

export function newSocket(more: Partial<SailsSocketOptions> = {}): SailsSocket {
  return new SailsSocket(socketOptions(more));
}

/**
 * One HTTP request for `setup` and `teardown`, where nothing else runs that it could hold up.
 * @throws Error that says what was wrong with the answer
 */
export function requestInSetup(method: HttpMethod, path: string): unknown {
  const response = http.request(method, `${target.url}${path}`, null, { tags: { name: 'setup' } });
  if (response.status !== 200) {
    const status = response.status === 0 ? response.error : `status ${response.status}`;
    throw new Error(
      `${method} ${target.url}${path} answered with ${status}: is the app running, and does it fulfil loadtest/contract.md?`,
    );
  }
  return response.json();
}
