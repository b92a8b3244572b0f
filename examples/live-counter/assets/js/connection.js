/**
 * The socket, and what keeps the page right when its worker goes away: sails.io.js connects anew by itself, but the new
 * worker knows nothing of this tab's rooms. So every part of the page names a `sync` function that subscribes and
 * fetches, and all of them run after every connect.
 */

const RETRY_MS = 1000;

// `/dependencies/sails.io.js` made this socket and connects it. `data-reconnection` in the page lets it come back.
const { socket } = window.io;

const syncs = [];
const watchers = [];
let connects = 0;

/** Runs `sync` after every connect, again until it succeeds. */
export function onConnect(sync) {
  syncs.push(sync);
}

/** Calls back with `connecting`, `live` or `reconnecting`. */
export function onState(watcher) {
  watchers.push(watcher);
}

/** Listens to an event that the server pushes. */
export function on(event, listener) {
  socket.on(event, listener);
}

/** A virtual request. Rejects when the answer is not a 2xx, or the connection is lost first. */
export function request(method, url, data) {
  if (!socket.isConnected()) return Promise.reject(new Error('Not connected at the moment'));
  return new Promise((resolve, reject) => {
    socket.request({ method, url, data }, (body, jwr) => {
      if (jwr.statusCode >= 200 && jwr.statusCode < 300) resolve(body);
      else reject(new Error(problemIn(body, jwr.statusCode)));
    });
  });
}

/** The same over HTTP, for what has to set a cookie. */
export async function requestOverHttp(method, url, data) {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(data ?? {}),
  });
  const body = await response.json().catch(() => undefined);
  if (!response.ok) throw new Error(problemIn(body, response.status));
  return body;
}

function problemIn(body, status) {
  if (typeof body === 'string' && body) return body;
  if (body?.problems?.length) return body.problems.join(' ');
  return body?.message || `The server answered ${status}`;
}

function setState(state) {
  document.documentElement.dataset.connection = state;
  for (const watcher of watchers) watcher(state);
}

/** Begins, once every part of the page has said what it needs after a connect. */
export function start() {
  socket.on('connect', connected);
  if (socket.isConnected()) connected();
}

async function connected() {
  const mine = ++connects;
  const isCurrent = () => mine === connects && socket.isConnected();
  await Promise.all(syncs.map((sync) => untilItSucceeds(sync, isCurrent)));
  if (isCurrent()) setState('live');
}

socket.on('disconnect', (reason) => {
  setState('reconnecting');
  // After this reason the client does not come back of its own accord.
  if (reason === 'io server disconnect') socket._raw.connect();
});

async function untilItSucceeds(sync, isCurrent) {
  while (isCurrent()) {
    try {
      return await sync();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
