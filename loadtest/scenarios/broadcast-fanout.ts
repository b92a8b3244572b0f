/** Publishers send numbered messages to rooms; every member settles what it got. */
import exec from 'k6/execution';
import type { Options } from 'k6/options';
import { RoomPublisher } from '../lib/room-publisher.ts';
import { RoomSubscriber } from '../lib/room-subscriber.ts';
import { beginRun, onceEach, type Run, roomName, shareOf } from '../lib/run.ts';
import { durationSetting, numberSetting } from '../lib/setting.ts';
import { SUMMARY_TREND_STATS } from '../lib/summary.ts';
import { wait } from '../lib/wait.ts';

export { handleSummary } from '../lib/summary.ts';

const SUBSCRIBERS = numberSetting('SUBSCRIBERS', 100, { min: 1 });
const ROOMS = numberSetting('ROOMS', 1, { min: 1, max: SUBSCRIBERS });
const RATE = numberSetting('RATE', 20, { min: 0.01 });
const SIZE = numberSetting('SIZE', 100, { min: 0 });
const DURATION_MS = durationSetting('DURATION', 10_000);
const RAMP_MS = durationSetting('RAMP', 10 * SUBSCRIBERS);
const JOIN_TIMEOUT_MS = durationSetting('JOIN_TIMEOUT', 30_000);
/** How late the last message may be. */
const GRACE_MS = durationSetting('GRACE', 30_000);
const LATENCY_P95 = numberSetting('MAX_P95_MS', 0, { min: 0 });

/** Long enough for everything to be late; beyond it an account stays unsettled and the run fails. */
const LONGEST_MS = RAMP_MS + JOIN_TIMEOUT_MS + DURATION_MS + GRACE_MS;

export const options: Options = {
  scenarios: {
    subscribers: onceEach('subscribe', SUBSCRIBERS, LONGEST_MS),
    publishers: onceEach('publish', ROOMS, LONGEST_MS),
  },
  thresholds: {
    missing: ['count==0'],
    duplicate: ['count==0'],
    out_of_order: ['count==0'],
    connects_failed: ['count==0'],
    deliveries_expected: ['count>0'],
    subscribers_done: [`count==${SUBSCRIBERS}`],
    publishers_done: [`count==${ROOMS}`],
    ...(LATENCY_P95 > 0 && { broadcast_latency: [`p(95)<${LATENCY_P95}`] }),
  },
  summaryTrendStats: SUMMARY_TREND_STATS,
};

export function setup(): Run {
  return beginRun();
}

export async function subscribe(run: Run): Promise<void> {
  const deadline = Date.now() + LONGEST_MS;
  const index = exec.scenario.iterationInTest;
  await wait((index * RAMP_MS) / SUBSCRIBERS);
  const subscriber = new RoomSubscriber({ run: run.id, room: roomName(run, index % ROOMS) });
  if (await subscriber.start()) await subscriber.settle(deadline);
  else subscriber.socket.close();
}

export async function publish(run: Run): Promise<void> {
  const index = exec.scenario.iterationInTest;
  const room = roomName(run, index);
  const publisher = new RoomPublisher({ run: run.id, rate: RATE, size: SIZE });
  if (!(await publisher.start())) return;
  const members = shareOf(SUBSCRIBERS, index, ROOMS) + 1;
  if (
    (await publisher.join(room)) &&
    (await publisher.waitForMembers(room, members, Date.now() + RAMP_MS + JOIN_TIMEOUT_MS))
  ) {
    await publisher.publish(room, DURATION_MS);
  }
  await publisher.end(room);
}
