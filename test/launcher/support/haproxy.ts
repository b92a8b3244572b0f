import { runHaproxy } from '../../support/haproxy-process';

/** A pod behind the proxy. */
export interface Upstream {
  name: string;
  port: number;
  /** Of its ops server, whose `/readyz` says whether it gets requests. */
  opsPort: number;
}

/** A request as the proxy saw it. */
export interface ProxiedRequest {
  method: string;
  path: string;
  status: number;
  upstream: string;
  /** Whether it wants to become a websocket. */
  isUpgrade: boolean;
  /** Milliseconds since the epoch: when its first byte came, and when its answer was over. */
  begun: number;
  ended: number;
  /** Why it ended, in haproxy's letters; `--` is the normal end. */
  end: string;
  /** The answer's `Retry-After`; `-` where it has none. */
  retryAfter: string;
}

/**
 * haproxy in front of pods, which asks their `/readyz`.
 * @param affinity whether a cookie keeps each client at its pod
 */
export async function startHaproxy(upstreams: Upstream[], { affinity = false } = {}) {
  const { program, port, stop } = await runHaproxy((port) => [
    'global',
    '  maxconn 6000',
    '  log stdout format raw local0 info',
    'defaults',
    '  mode http',
    '  log global',
    '  option dontlognull',
    '  timeout connect 10s',
    '  timeout check 10s',
    '  timeout client 60s',
    '  timeout server 60s',
    '  timeout tunnel 300s',
    '  retries 3',
    '  option redispatch 1',
    'frontend public',
    `  bind 127.0.0.1:${port}`,
    '  http-request capture req.hdr(Upgrade) len 9',
    '  capture response header Retry-After len 4',
    // the first is when the answer before on this connection was over (or it was accepted), the second the idle time since
    '  log-format "REQ %Ts%ms %Ti %Ta %ST %s %tsc %HM %HU %[capture.req.hdr(0)] %[capture.res.hdr(0)]"',
    '  default_backend pods',
    'backend pods',
    '  balance roundrobin',
    '  option httpchk GET /readyz',
    ...(affinity ? ['  cookie POD insert indirect nocache'] : []),
    ...upstreams.map(
      ({ name, port: upstream, opsPort }) =>
        `  server ${name} 127.0.0.1:${upstream} ${affinity ? `cookie ${name} ` : ''}check port ${opsPort} inter 300ms fall 2 rise 1`,
    ),
  ]);
  return {
    url: `http://127.0.0.1:${port}`,
    /** Those that are over. */
    requests: (): ProxiedRequest[] => program.output().split('\n').flatMap(parse),
    stop,
  };
}

function parse(line: string): ProxiedRequest[] {
  const [
    ,
    free,
    idle,
    active,
    status,
    upstream = '',
    end = '',
    method = '',
    path = '',
    upgrade = '',
    retryAfter = '-',
  ] = /^REQ (\d+) (-?\d+) (\d+) (-?\d+) (\S+) (\S+) (\S+) (\S+) (\S+) (\S+)/.exec(line) ?? [];
  if (free === undefined) return [];
  const begun = Number(free) + Math.max(0, Number(idle));
  return [
    {
      method,
      path,
      status: Number(status),
      upstream,
      isUpgrade: upgrade === 'websocket',
      begun,
      ended: begun + Number(active),
      end: end.slice(0, 2),
      retryAfter,
    },
  ];
}
