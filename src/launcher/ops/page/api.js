import { byId } from './element.js';

const KEY = 'flotilla-ops-token';

/** The token, for as long as this tab is open. A link may bring it behind the `#`, which browsers send to nobody. */
let token = sessionStorage.getItem(KEY);
const brought = new URLSearchParams(location.hash.slice(1)).get('token');
if (brought) {
  keep(brought);
  history.replaceState(null, '', location.pathname);
}

/** An answer that is no success. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Asks the server; where that needs the token and it is not known, asks the person for it. */
export async function read(path) {
  return withToken(() => request(path, { headers: headers() }));
}

/** Orders something. */
export async function act(path, body) {
  return withToken(() =>
    request(path, {
      method: 'POST',
      headers: { ...headers(), 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    }),
  );
}

async function withToken(attempt) {
  try {
    return await attempt();
  } catch (error) {
    if (error.status !== 401) throw error;
    await askForToken();
    return attempt();
  }
}

async function request(path, options) {
  const response = await fetch(path, options);
  const body = await response.json();
  if (!response.ok) throw new ApiError(response.status, body.message);
  return body;
}

function headers() {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

function keep(value) {
  token = value;
  sessionStorage.setItem(KEY, value);
}

let asking;

/** Settles with the right token; rejects when the person gives up. */
function askForToken() {
  asking ??= openTokenDialog().finally(() => {
    asking = undefined;
  });
  return asking;
}

function openTokenDialog() {
  const dialog = byId('token-dialog');
  const input = byId('token');
  const trouble = byId('token-trouble');
  input.value = '';
  trouble.textContent = '';
  dialog.showModal();
  return new Promise((resolve, reject) => {
    byId('token-form').onsubmit = async (event) => {
      event.preventDefault();
      const candidate = input.value.trim();
      try {
        await request('api/token', { method: 'POST', headers: { Authorization: `Bearer ${candidate}` } });
        keep(candidate);
        dialog.onclose = null;
        dialog.close();
        resolve();
      } catch (error) {
        trouble.textContent = error.status === 401 ? 'That is not the token of this pod.' : error.message;
      }
    };
    byId('token-cancel').onclick = () => dialog.close();
    dialog.onclose = () => reject(new ApiError(401, 'Nothing was done: it needs the token.'));
  });
}
