import type { Registry } from 'prom-client';
import { Declarations } from './declarations';

/** What a worker's part of the front door has done since the start. */
export interface FrontDoorReading {
  /** Connections open now. */
  connections: number;
  /** Requests of other workers' sessions that were passed on, by way. */
  passedOn: ReadonlyMap<string, number>;
  /** What Node's HTTP server refused before there was a request, by reason. */
  refused: ReadonlyMap<string, number>;
  /** Connections between pods that ended at a certificate, by side; `undefined` where pods do not speak TLS. */
  peerTlsRefused?: ReadonlyMap<string, number> | undefined;
}

/** Declares the metrics of a worker's part of the front door. */
export function declareFrontDoorMetrics(registry: Registry, read: () => FrontDoorReading): void {
  const metrics = new Declarations(registry);
  metrics.gauge(
    'flotilla_http_connections',
    'Open connections to the app’s HTTP server, those of sockets included.',
    [],
    (report) => report(read().connections),
  );
  metrics.counter(
    'flotilla_misrouted_requests_total',
    'Socket.IO requests that came to another worker than their session’s and were passed on, by way.',
    ['way'],
    (report) => {
      for (const [way, count] of read().passedOn) report(count, { way });
    },
  );
  metrics.counter(
    'flotilla_http_requests_refused_total',
    'What clients sent and the HTTP server refused before there was a request, by reason.',
    ['reason'],
    (report) => {
      for (const [reason, count] of read().refused) report(count, { reason });
    },
  );
  metrics.counter(
    'flotilla_peer_tls_refused_total',
    'Connections between pods that ended since one side did not accept the other’s certificate, by side.',
    ['side'],
    (report) => {
      for (const [side, count] of read().peerTlsRefused ?? []) report(count, { side });
    },
  );
}
