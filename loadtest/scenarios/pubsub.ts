/** Resourceful PubSub: one record changes again and again, and everyone who follows it must hear of each change. */
import exec from 'k6/execution';
import http from 'k6/http';
import type { Options } from 'k6/options';
import { DeliveryAudit } from '../lib/delivery-audit.ts';
import { connectMeasured, requestMeasured } from '../lib/measured.ts';
import { declareZeros, metrics } from '../lib/metrics.ts';
import { RoomPublisher } from '../lib/room-publisher.ts';
import { beginRun, onceEach, type Run, roomName } from '../lib/run.ts';
import { durationSetting, numberSetting } from '../lib/setting.ts';
import { SUMMARY_TREND_STATS } from '../lib/summary.ts';
import { newSocket, target } from '../lib/target.ts';
import { wait, within } from '../lib/wait.ts';

export { handleSummary } from '../lib/summary.ts';

const FOLLOWERS = numberSetting('FOLLOWERS', 50, { min: 1 });
/** Changes a second. */
const RATE = numberSetting('RATE', 10, { min: 0.01 });
const DURATION_MS = durationSetting('DURATION', 8000);
const RAMP_MS = durationSetting('RAMP', 10 * FOLLOWERS);
const JOIN_TIMEOUT_MS = durationSetting('JOIN_TIMEOUT', 30_000);
/** How late the last message may be. */
const GRACE_MS = durationSetting('GRACE', 30_000);
const LONGEST_MS = RAMP_MS + JOIN_TIMEOUT_MS + DURATION_MS * 2 + GRACE_MS;
const LINGER_MS = 300;

/** What Sails sends to those who follow a record. */
interface Published {
  verb: string;
  data?: Record<string, unknown>;
}

export const options: Options = {
  scenarios: {
    followers: onceEach('follow', FOLLOWERS, LONGEST_MS),
    publisher: onceEach('publish', 1, LONGEST_MS),
  },
  thresholds: {
    missing: ['count==0'],
    duplicate: ['count==0'],
    out_of_order: ['count==0'],
    connects_failed: ['count==0'],
    deliveries_expected: ['count>0'],
    subscribers_done: [`count==${FOLLOWERS}`],
    publishers_done: ['count==1'],
  },
  summaryTrendStats: SUMMARY_TREND_STATS,
};

/** Logs the publisher in, so that its record exists before anybody asks for the records. */
export function setup(): Run {
  const run = beginRun();
  const { method, path } = target.routes.login;
  const response = http.request(method, `${target.url}${path}`, loginBody(run), {
    headers: { 'Content-Type': 'application/json' },
  });
  if (response.status !== 200) throw new Error(`${method} ${path}: status ${response.status} ${response.error}`);
  return run;
}

export async function follow(run: Run): Promise<void> {
  declareZeros();
  const deadline = Date.now() + LONGEST_MS;
  await wait((exec.scenario.iterationInTest * RAMP_MS) / FOLLOWERS);

  const audit = new DeliveryAudit();
  const socket = newSocket();
  const ended = new Promise<number | undefined>((resolve) => {
    socket.onDisconnect = (reason) => {
      metrics.disconnects.add(1, { reason });
      resolve(undefined);
    };
    socket.on(target.modelEvent, (message) => {
      const mark = parseMark(run, message as Published);
      if (!mark) return;
      if (mark.kind === 'end') resolve(mark.number);
      else {
        metrics.broadcastLatency.add(Date.now() - mark.sentAt);
        audit.receive(mark.number);
      }
    });
  });
  if (
    !(await connectMeasured(socket)) ||
    !(await requestMeasured(socket, target.routes.follow)) ||
    !(await requestMeasured(socket, target.routes.join, { parameters: { room: roomName(run, 0) } }))
  ) {
    socket.close();
    return;
  }

  const total = await within(deadline - Date.now(), ended);
  if (total !== undefined) await wait(LINGER_MS);
  socket.close();
  const account = audit.reconcile(total ?? audit.highest);
  metrics.deliveriesExpected.add(account.expected);
  metrics.deliveriesReceived.add(account.received);
  metrics.missing.add(account.missing);
  metrics.duplicate.add(account.duplicate);
  metrics.outOfOrder.add(account.outOfOrder);
  if (total === undefined) console.error(`no end of the run came, ${account.received} changes until then`);
  else metrics.subscribersDone.add(1);
}

export async function publish(run: Run): Promise<void> {
  // All followers join a room as well, since nobody can ask how many follow a record.
  const counter = new RoomPublisher({ run: run.id, rate: RATE, size: 0 });
  const { login } = target.routes;
  const loggedIn = await http.asyncRequest(login.method, `${target.url}${login.path}`, loginBody(run), {
    headers: { 'Content-Type': 'application/json' },
  });
  if (loggedIn.status !== 200) exec.test.fail(`the publisher could not log in: status ${loggedIn.status}`);
  const socket = newSocket();
  if ((await counter.start()) && (await connectMeasured(socket))) {
    const complete = await counter.waitForMembers(roomName(run, 0), FOLLOWERS, Date.now() + RAMP_MS + JOIN_TIMEOUT_MS);
    counter.leave();
    const total = complete ? Math.max(1, Math.round((RATE * DURATION_MS) / 1000)) : 0;
    const begun = Date.now();
    let changed = 0;
    for (let sequence = 1; sequence <= total; sequence += 1) {
      await wait(begun + ((sequence - 1) * 1000) / RATE - Date.now());
      metrics.messagesSent.add(1);
      // One after the other: two changes of one record at a time have no order.
      const answer = await requestMeasured(socket, target.routes.publish, { data: mark(run, 'm', sequence) });
      if (answer) changed += 1;
    }
    const ended = await requestMeasured(socket, target.routes.publish, { data: mark(run, 'end', total) });
    if (ended && changed === total) metrics.publishersDone.add(1);
    else exec.test.fail(`${total - changed} of ${total} changes failed${ended ? '' : ', and so did the last'}`);
  }
  socket.close();
}

function loginBody(run: Run): string {
  return target.loginBody.replace('{user}', `ps-${run.id}`);
}

/** A short text, since attributes have a greatest length: the run's last characters, kind, number, time of sending. */
function mark(run: Run, kind: 'm' | 'end', number: number): Record<string, string> {
  return { [target.modelField]: `${run.id.slice(-4)} ${kind} ${number} ${Date.now()}` };
}

function parseMark(run: Run, message: Published): { kind: string; number: number; sentAt: number } | undefined {
  const [id, kind = '', number, sentAt] = String(message.data?.[target.modelField] ?? '').split(' ');
  if (message.verb !== 'updated' || id !== run.id.slice(-4)) return undefined;
  return { kind, number: Number(number), sentAt: Number(sentAt) };
}
