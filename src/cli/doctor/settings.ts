import { messageOf } from '../../launcher/errors';
import { readPodSettings } from '../../launcher/options';
import type { AppReport } from './app-report';
import type { ClientTransports } from './client-transports';
import { type Finding, fail, ok, skip, warn } from './finding';

const DEFAULT_TRANSPORTS = ['websocket'];
const SHORT_SECRET = 24;

/** What the app's own configuration says. */
export function checkSettings(app: AppReport, client: ClientTransports): Finding[] {
  return [
    checkOrigins(app),
    checkSecret(app),
    checkStore(app),
    checkProxy(app),
    checkTransports(app, client),
    checkAdapter(app),
    checkGrace(app),
  ];
}

function checkOrigins({ sockets, environment }: AppReport): Finding {
  const { onlyAllowOrigins: origins, hasBeforeConnect } = sockets;
  const name = 'origins';
  if (!Array.isArray(origins)) {
    if (hasBeforeConnect) return ok(name, 'sails.config.sockets.beforeConnect decides who may connect');
    return fail(
      name,
      `neither onlyAllowOrigins nor beforeConnect is set for ${environment}: any site may use its visitors’ sessions, and a lift in production is refused`,
      "Set sails.config.sockets.onlyAllowOrigins in config/env/production.js, e.g. ['https://example.com'].",
    );
  }
  if (origins.length === 0) {
    return warn(
      name,
      `onlyAllowOrigins is empty for ${environment}: no page may connect`,
      'List the origins of your pages.',
    );
  }
  const local = origins.filter((origin) => /^https?:\/\/(localhost|127\.|\[::1\])/.test(String(origin)));
  if (local.length > 0) {
    return warn(
      name,
      `onlyAllowOrigins lists ${local.join(', ')} for ${environment}`,
      'List only what visitors have in their address bar.',
    );
  }
  const plain = origins.filter((origin) => String(origin).startsWith('http://'));
  if (plain.length > 0) {
    return warn(
      name,
      `onlyAllowOrigins lists ${plain.join(', ')}, without TLS`,
      'Serve the site over https and list that.',
    );
  }
  return ok(name, origins.join(', '));
}

function checkSecret({ session }: AppReport): Finding {
  const name = 'session secret';
  if (session.isDisabled) return skip(name, 'the app has no sessions');
  if (session.secretLength === null) {
    return fail(
      name,
      'sails.config.session.secret is not set',
      'Set it from the environment (sails_session__secret), the same for every pod: openssl rand -hex 32.',
    );
  }
  if (session.secretLength < SHORT_SECRET) {
    return warn(name, `it has ${session.secretLength} characters`, 'Take a longer one: openssl rand -hex 32.');
  }
  return ok(name, `it is set (${session.secretLength} characters)`);
}

function checkStore({ session, redis }: AppReport): Finding {
  const name = 'session store';
  if (session.isDisabled) return skip(name, 'the app has no sessions');
  const { adapter } = session;
  if (adapter !== null && adapter !== 'memory') return ok(name, `sails.config.session.adapter is ${adapter}`);
  if (redis) return ok(name, 'the Redis of the fleet');
  return warn(
    name,
    'sessions live in the primary: one pod only, and a restart of the pod logs everybody out',
    'Set FLOTILLA_REDIS_URL, or name a session adapter, before you run more than one pod.',
  );
}

function checkProxy({ trustProxy, tls, session }: AppReport): Finding {
  const name = 'trust proxy';
  if (trustProxy !== 'false') return ok(name, 'sails.config.http.trustProxy is set');
  if (session.cookieSecure === true && !tls) {
    return fail(
      name,
      'session cookies are `secure` and the app neither speaks TLS nor trusts a proxy: no client gets a session',
      'Set sails.config.http.trustProxy to your proxy, e.g. 1 or its addresses.',
    );
  }
  if (tls) return ok(name, 'the app speaks TLS itself');
  return warn(
    name,
    'sails.config.http.trustProxy is not set: behind a proxy, req.ip is the proxy’s and req.protocol is http',
    'Set it where a proxy or an ingress is in front, e.g. sails_http__trustProxy=1.',
  );
}

function checkTransports({ sockets }: AppReport, client: ClientTransports): Finding {
  const name = 'transports';
  const server = Array.isArray(sockets.transports) ? sockets.transports.map(String) : DEFAULT_TRANSPORTS;
  const wrong = client.places.filter(({ transports }) => transports.some((each) => !server.includes(each)));
  const [first] = wrong;
  if (first) {
    return fail(
      name,
      `${first.file} wants ${first.transports.join(', ')}, the server takes ${server.join(', ')}`,
      'Set the same on both sides: sails.config.sockets.transports and io.sails.transports.',
    );
  }
  const ours = client.places.length > 0 ? 'client and server agree' : 'no client of this app sets others';
  return ok(name, `${server.join(', ')}; ${ours}`);
}

function checkAdapter({ sockets }: AppReport): Finding {
  const name = 'adapter';
  if (!sockets.adapter || sockets.adapter === 'memory') return ok(name, 'the fleet’s own');
  return warn(
    name,
    `sails.config.sockets.adapter is ${String(sockets.adapter)}`,
    'Remove it to use the fleet’s own; the Redis settings beside it are taken over. See docs/migrating.md.',
  );
}

/** The times of a stop, as `flotilla start` would take them from this environment. */
function checkGrace({ lowerTimeoutMs }: AppReport): Finding {
  const name = 'grace';
  const fromEnvironment = (variable: string) => {
    const text = process.env[variable];
    return text === undefined || text === '' ? undefined : Number(text);
  };
  try {
    const { graceMs, ...times } = readPodSettings({
      appPath: '.',
      workers: 1,
      graceMs: fromEnvironment('FLOTILLA_GRACE_MS'),
      drainDelayMs: fromEnvironment('FLOTILLA_DRAIN_DELAY_MS'),
      drainWindowMs: fromEnvironment('FLOTILLA_DRAIN_WINDOW_MS'),
      ops: false,
    });
    const needed = times.drainDelayMs + times.drainWindowMs;
    if (typeof lowerTimeoutMs === 'number' && lowerTimeoutMs > graceMs) {
      return warn(
        name,
        `sails.config.flotilla.lowerTimeoutMs (${lowerTimeoutMs} ms) is longer than the grace (${graceMs} ms)`,
        'Raise FLOTILLA_GRACE_MS above it.',
      );
    }
    return ok(
      name,
      `${graceMs} ms for a stop, of which ${needed} ms to drain; give it more from outside (terminationGracePeriodSeconds, TimeoutStopSec)`,
    );
  } catch (error) {
    return fail(name, messageOf(error), 'Correct the setting in the environment.');
  }
}
