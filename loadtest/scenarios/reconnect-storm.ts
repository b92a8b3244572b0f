/** All members lose their connection at the same moment, come back, and must then get everything again. */
import exec from 'k6/execution';
import type { Options } from 'k6/options';
import { RoomPublisher } from '../lib/room-publisher.ts';
import { RoomSubscriber } from '../lib/room-subscriber.ts';
import { beginRun, onceEach, type Run, roomName } from '../lib/run.ts';
import { durationSetting, numberSetting } from '../lib/setting.ts';
import { SUMMARY_TREND_STATS } from '../lib/summary.ts';
import { wait } from '../lib/wait.ts';

export { handleSummary } from '../lib/summary.ts';

const SUBSCRIBERS = numberSetting('SUBSCRIBERS', 100, { min: 1 });
const RATE = numberSetting('RATE', 20, { min: 0.01 });
const SIZE = numberSetting('SIZE', 100, { min: 0 });
const DURATION_MS = durationSetting('DURATION', 4000);
const RAMP_MS = durationSetting('RAMP', 10 * SUBSCRIBERS);
const JOIN_TIMEOUT_MS = durationSetting('JOIN_TIMEOUT', 30_000);
/** How late the last message may be. */
const GRACE_MS = durationSetting('GRACE', 30_000);
/** First delay before a socket comes back; half as much more or less by chance, twice as much at every attempt. */
const BACKOFF_MIN_MS = durationSetting('BACKOFF', 1000);
const BACKOFF_MAX_MS = durationSetting('BACKOFF_MAX', 5000);
const LONGEST_MS = RAMP_MS + 2 * JOIN_TIMEOUT_MS + DURATION_MS + GRACE_MS;

const BEFORE = 0;
const AFTER = 1;

export const options: Options = {
  scenarios: {
    subscribers: onceEach('subscribe', SUBSCRIBERS, LONGEST_MS),
    publisher: onceEach('publish', 1, LONGEST_MS),
  },
  thresholds: {
    missing: ['count==0'],
    duplicate: ['count==0'],
    out_of_order: ['count==0'],
    reconnects: [`count==${SUBSCRIBERS}`],
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
  const subscriber = new RoomSubscriber({
    run: run.id,
    room: roomName(run, AFTER),
    stormRoom: roomName(run, BEFORE),
    reconnect: { minMs: BACKOFF_MIN_MS, maxMs: BACKOFF_MAX_MS },
  });
  if (await subscriber.start()) await subscriber.settle(deadline);
  else subscriber.socket.close();
}

export async function publish(run: Run): Promise<void> {
  const publisher = new RoomPublisher({ run: run.id, rate: RATE, size: SIZE });
  if (!(await publisher.start())) return;
  const before = roomName(run, BEFORE);
  const after = roomName(run, AFTER);
  if (
    (await publisher.waitForMembers(before, SUBSCRIBERS, Date.now() + RAMP_MS + JOIN_TIMEOUT_MS)) &&
    (await publisher.storm(before)) &&
    (await publisher.join(after)) &&
    (await publisher.waitForMembers(after, SUBSCRIBERS + 1, Date.now() + JOIN_TIMEOUT_MS))
  ) {
    await publisher.publish(after, DURATION_MS);
  }
  await publisher.end(after);
}
