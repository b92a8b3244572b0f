/**
 * Runs while you deploy: members come back when their worker or pod goes, and messages go on meanwhile.
 * How much of them arrived is the result; `MIN_DELIVERED` says how much must.
 */
import exec from 'k6/execution';
import type { Options } from 'k6/options';
import { RoomPublisher } from '../lib/room-publisher.ts';
import { RoomSubscriber } from '../lib/room-subscriber.ts';
import { beginRun, onceEach, type Run, roomName } from '../lib/run.ts';
import { choiceSetting, durationSetting, numberSetting } from '../lib/setting.ts';
import { SUMMARY_TREND_STATS } from '../lib/summary.ts';
import { wait } from '../lib/wait.ts';

export { handleSummary } from '../lib/summary.ts';

const SUBSCRIBERS = numberSetting('SUBSCRIBERS', 100, { min: 1 });
const RATE = numberSetting('RATE', 5, { min: 0.01 });
const SIZE = numberSetting('SIZE', 100, { min: 0 });
const DURATION_MS = durationSetting('DURATION', 120_000);
const RAMP_MS = durationSetting('RAMP', 10 * SUBSCRIBERS);
const JOIN_TIMEOUT_MS = durationSetting('JOIN_TIMEOUT', 30_000);
/** How late the last message may be. */
const GRACE_MS = durationSetting('GRACE', 60_000);
/** Share of the messages that must arrive, from 0 to 1. */
const MIN_DELIVERED = numberSetting('MIN_DELIVERED', 0.95, { min: 0, max: 1 });
/** `yes`: a run in which nobody lost the connection fails, since then nothing was deployed. */
const EXPECT_RECONNECTS = choiceSetting('EXPECT_RECONNECTS', 'no', ['yes', 'no']);
const LONGEST_MS = RAMP_MS + JOIN_TIMEOUT_MS + DURATION_MS + GRACE_MS;

export const options: Options = {
  scenarios: {
    subscribers: onceEach('subscribe', SUBSCRIBERS, LONGEST_MS),
    publisher: onceEach('publish', 1, LONGEST_MS),
  },
  thresholds: {
    delivered: [`rate>=${MIN_DELIVERED}`],
    duplicate: ['count==0'],
    out_of_order: ['count==0'],
    deliveries_expected: ['count>0'],
    subscribers_done: [`count==${SUBSCRIBERS}`],
    publishers_done: ['count==1'],
    ...(EXPECT_RECONNECTS === 'yes' && { reconnects: ['count>0'] }),
  },
  summaryTrendStats: SUMMARY_TREND_STATS,
};

export function setup(): Run {
  return beginRun();
}

export async function subscribe(run: Run): Promise<void> {
  const deadline = Date.now() + LONGEST_MS;
  await wait((exec.scenario.iterationInTest * RAMP_MS) / SUBSCRIBERS);
  const subscriber = new RoomSubscriber({ run: run.id, room: roomName(run, 0), reconnect: true });
  if (await subscriber.start()) await subscriber.settle(deadline);
  else subscriber.socket.close();
}

export async function publish(run: Run): Promise<void> {
  const room = roomName(run, 0);
  const publisher = new RoomPublisher({ run: run.id, rate: RATE, size: SIZE, tolerant: true });
  if (!(await publisher.start())) return;
  if (await publisher.waitForMembers(room, SUBSCRIBERS, Date.now() + RAMP_MS + JOIN_TIMEOUT_MS)) {
    await publisher.publish(room, DURATION_MS);
    // Those who are just coming back must hear the end too.
    await publisher.waitForMembers(room, SUBSCRIBERS, Date.now() + JOIN_TIMEOUT_MS);
  }
  await publisher.end(room);
}
