import { onConnect, request, requestOverHttp } from './connection.js';

const watchers = [];
const otherTabs = new BroadcastChannel('live-counter-session');

/** Calls back with the user who is logged in, or `null`, whenever that may have changed. */
export function onUser(watcher) {
  watchers.push(watcher);
}

/** Logs in over HTTP, as the session cookie wants it, and then asks over the socket: both see the same session. */
export async function login(name) {
  await requestOverHttp('POST', '/api/login', { name });
  await changed();
}

export async function logout() {
  await requestOverHttp('POST', '/api/logout');
  await changed();
}

async function changed() {
  otherTabs.postMessage('changed');
  await refresh();
}

async function refresh() {
  const { user } = await request('get', '/api/whoami');
  for (const watcher of watchers) watcher(user);
}

onConnect(refresh);

otherTabs.addEventListener('message', () => {
  // When not connected, the next connect refreshes anyway.
  refresh().catch(() => {});
});
