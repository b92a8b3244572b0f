/** Virtual requests at a fixed rate over sockets that stay open, with their latency by route. */
import exec from 'k6/execution';
import type { Options } from 'k6/options';
import { connectMeasured, requestMeasured } from '../lib/measured.ts';
import { declareZeros, metrics } from '../lib/metrics.ts';
import { parseRoute, type Route } from '../lib/route.ts';
import { beginRun, onceEach } from '../lib/run.ts';
import { durationSetting, numberSetting, textSetting } from '../lib/setting.ts';
import { SUMMARY_TREND_STATS } from '../lib/summary.ts';
import { newSocket } from '../lib/target.ts';
import { wait } from '../lib/wait.ts';

export { handleSummary } from '../lib/summary.ts';

const SOCKETS = numberSetting('SOCKETS', 50, { min: 1 });
/** Requests a second, over all sockets. */
const RATE = numberSetting('RATE', 100, { min: 0.01 });
const DURATION_MS = durationSetting('DURATION', 10_000);
const RAMP_MS = durationSetting('RAMP', 10 * SOCKETS);
const ROUTES = textSetting('ROUTES', 'GET /api/whoami,POST /api/counter/increment')
  .split(',')
  .map((route) => parseRoute('ROUTES', route));
const LATENCY_P95 = numberSetting('MAX_P95_MS', 0, { min: 0 });

const EVERY_MS = (1000 * SOCKETS) / RATE;
const EACH = Math.max(1, Math.round(DURATION_MS / EVERY_MS));
const DUE = EACH * SOCKETS;

export const options: Options = {
  scenarios: {
    requests: onceEach('requests', SOCKETS, RAMP_MS + EACH * EVERY_MS + 30_000),
  },
  thresholds: {
    connects_failed: ['count==0'],
    virtual_requests_failed: ['count==0'],
    virtual_requests_due: [`count==${DUE}`],
    virtual_requests_answered: [`count==${DUE}`],
    // A threshold on a tag has the runtime keep the statistics of each route.
    ...Object.fromEntries(
      ROUTES.map(({ name }) => [`virtual_request_latency{route:${name}}`, [`p(95)<${LATENCY_P95 || 60_000}`]]),
    ),
  },
  summaryTrendStats: SUMMARY_TREND_STATS,
};

export function setup(): void {
  beginRun();
}

export async function requests(): Promise<void> {
  declareZeros();
  metrics.virtualRequestsFailed.add(0);
  const index = exec.scenario.iterationInTest;
  // All begin together, after the last one has connected, and take turns within the interval.
  const begin = Date.now() + RAMP_MS + 1000 + (index * EVERY_MS) / SOCKETS;
  await wait((index * RAMP_MS) / SOCKETS);

  const socket = newSocket();
  socket.onDisconnect = (reason) => metrics.disconnects.add(1, { reason });
  if (await connectMeasured(socket)) {
    const answers: Promise<unknown>[] = [];
    for (let turn = 0; turn < EACH; turn += 1) {
      const dueAt = begin + turn * EVERY_MS;
      await wait(dueAt - Date.now());
      const route = ROUTES[(index + turn) % ROUTES.length] as Route;
      answers.push(requestMeasured(socket, route, { dueAt }));
    }
    await Promise.all(answers);
  }
  socket.close();
}
