/** Hours of moderate load: a room that gets messages, and visitors who come, ask and go. */
import exec from 'k6/execution';
import type { Options } from 'k6/options';
import { connectMeasured, requestMeasured } from '../lib/measured.ts';
import { declareZeros, metrics } from '../lib/metrics.ts';
import { RoomPublisher } from '../lib/room-publisher.ts';
import { RoomSubscriber } from '../lib/room-subscriber.ts';
import { beginRun, onceEach, type Run, roomName, seconds } from '../lib/run.ts';
import { durationSetting, numberSetting } from '../lib/setting.ts';
import { SUMMARY_TREND_STATS } from '../lib/summary.ts';
import { newSocket, target } from '../lib/target.ts';
import { wait } from '../lib/wait.ts';

export { handleSummary } from '../lib/summary.ts';

const SUBSCRIBERS = numberSetting('SUBSCRIBERS', 100, { min: 1 });
const VISITORS = numberSetting('VISITORS', 20, { min: 1 });
/** How long a visitor stays. */
const VISIT_MS = durationSetting('VISIT', 5000);
const RATE = numberSetting('RATE', 1, { min: 0.01 });
const SIZE = numberSetting('SIZE', 100, { min: 0 });
const DURATION_MS = durationSetting('DURATION', 3_600_000);
const RAMP_MS = durationSetting('RAMP', 10 * SUBSCRIBERS);
const JOIN_TIMEOUT_MS = durationSetting('JOIN_TIMEOUT', 30_000);
/** How late the last message may be. */
const GRACE_MS = durationSetting('GRACE', 60_000);
const LONGEST_MS = RAMP_MS + JOIN_TIMEOUT_MS + DURATION_MS + GRACE_MS;

export const options: Options = {
  scenarios: {
    subscribers: onceEach('subscribe', SUBSCRIBERS, LONGEST_MS),
    publisher: onceEach('publish', 1, LONGEST_MS),
    visitors: {
      executor: 'constant-vus',
      exec: 'visit',
      vus: VISITORS,
      duration: seconds(RAMP_MS + DURATION_MS),
      gracefulStop: '30s',
    },
  },
  thresholds: {
    missing: ['count==0'],
    duplicate: ['count==0'],
    out_of_order: ['count==0'],
    connects_failed: ['count==0'],
    virtual_requests_failed: ['count==0'],
    deliveries_expected: ['count>0'],
    subscribers_done: [`count==${SUBSCRIBERS}`],
    publishers_done: ['count==1'],
  },
  summaryTrendStats: SUMMARY_TREND_STATS,
};

export function setup(): Run {
  return beginRun();
}

export async function subscribe(run: Run): Promise<void> {
  const deadline = Date.now() + LONGEST_MS;
  await wait((exec.scenario.iterationInTest * RAMP_MS) / SUBSCRIBERS);
  const subscriber = new RoomSubscriber({ run: run.id, room: roomName(run, 0) });
  if (await subscriber.start()) await subscriber.settle(deadline);
  else subscriber.socket.close();
}

export async function publish(run: Run): Promise<void> {
  const room = roomName(run, 0);
  const publisher = new RoomPublisher({ run: run.id, rate: RATE, size: SIZE });
  if (!(await publisher.start())) return;
  if (await publisher.waitForMembers(room, SUBSCRIBERS, Date.now() + RAMP_MS + JOIN_TIMEOUT_MS)) {
    await publisher.publish(room, DURATION_MS);
  }
  await publisher.end(room);
}

export async function visit(): Promise<void> {
  declareZeros();
  metrics.virtualRequestsFailed.add(0);
  const socket = newSocket();
  socket.onDisconnect = (reason) => metrics.disconnects.add(1, { reason });
  if (await connectMeasured(socket)) {
    await requestMeasured(socket, target.routes.whoami);
    await wait(VISIT_MS * (0.5 + Math.random()));
    await requestMeasured(socket, target.routes.whoami);
  }
  socket.close();
}
