/** Everyone logs in over HTTP and must be known on a socket at another worker or pod; then the other way round. */
import exec from 'k6/execution';
import http from 'k6/http';
import type { Options } from 'k6/options';
import { connectMeasured, requestMeasured } from '../lib/measured.ts';
import { declareZeros, metrics } from '../lib/metrics.ts';
import { beginRun, onceEach, type Run } from '../lib/run.ts';
import { choiceSetting, durationSetting, numberSetting } from '../lib/setting.ts';
import { SUMMARY_TREND_STATS } from '../lib/summary.ts';
import { newSocket, target } from '../lib/target.ts';
import { wait } from '../lib/wait.ts';

export { handleSummary } from '../lib/summary.ts';

const USERS = numberSetting('USERS', 50, { min: 1 });
const RAMP_MS = durationSetting('RAMP', 50 * USERS);
/** Sockets that a user opens at most, to find one at another worker. */
const TRIES = numberSetting('TRIES', 4, { min: 1 });
/** `no` for an app in a single process, where no session can cross. */
const ACROSS = choiceSetting('ACROSS', 'yes', ['yes', 'no']);

/** The part of the answer of the whoami route that is looked at: see contract.md. */
interface WhoAmI {
  pod: string;
  worker: number;
  user: { id: unknown } | null;
}

export const options: Options = {
  scenarios: {
    users: onceEach('logInAndOut', USERS, RAMP_MS + 50_000),
  },
  thresholds: {
    connects_failed: ['count==0'],
    sessions_wrong: ['count==0'],
    sessions_shared: [`count==${USERS}`],
    ...(ACROSS === 'yes' && { sessions_across_workers: ['count>0'] }),
  },
  summaryTrendStats: SUMMARY_TREND_STATS,
};

export function setup(): Run {
  return beginRun();
}

export async function logInAndOut(run: Run): Promise<void> {
  declareZeros();
  metrics.sessionsWrong.add(0);
  const index = exec.scenario.iterationInTest;
  await wait((index * RAMP_MS) / USERS);
  try {
    await follow(`lt-${run.id}-${index}`);
    metrics.sessionsShared.add(1);
  } catch (error) {
    metrics.sessionsWrong.add(1);
    console.error(`session: ${(error as Error).message}`);
  }
}

async function follow(user: string): Promise<void> {
  await overHttp(target.routes.login.method, target.routes.login.path, target.loginBody.replace('{user}', user));
  const first = await whoamiOverHttp();
  if (!first.user) throw new Error('HTTP itself does not know the user after the login');

  let socket = newSocket();
  for (let attempt = 1; ; attempt += 1) {
    if (!(await connectMeasured(socket))) throw new Error('the socket could not connect');
    const seen = (await requestMeasured(socket, target.routes.whoami))?.body as WhoAmI | undefined;
    if (seen?.user?.id !== first.user.id) {
      socket.close();
      throw new Error(`worker ${where(first)} knows the user, a socket at worker ${where(seen)} does not`);
    }
    const elsewhere = where(seen) !== where(first);
    if (elsewhere) metrics.sessionsAcrossWorkers.add(1);
    if (elsewhere || attempt >= TRIES) break;
    socket.close();
    socket = newSocket();
  }

  const loggedOut = await requestMeasured(socket, target.routes.logout);
  socket.close();
  if (!loggedOut) throw new Error('the socket could not log out');
  if ((await whoamiOverHttp()).user) throw new Error('HTTP still knows the user who logged out on a socket');
}

async function whoamiOverHttp(): Promise<WhoAmI> {
  return (await overHttp(target.routes.whoami.method, target.routes.whoami.path)) as WhoAmI;
}

async function overHttp(method: string, path: string, body: string | null = null): Promise<unknown> {
  const response = await http.asyncRequest(method, `${target.url}${path}`, body, {
    headers: body === null ? {} : { 'Content-Type': 'application/json' },
    tags: { name: `${method} ${path}` },
  });
  if (response.status < 200 || response.status >= 300) {
    throw new Error(`${method} ${path} over HTTP: status ${response.status} ${response.error}`);
  }
  return response.json();
}

function where(answer: WhoAmI | undefined): string {
  return answer ? `${answer.worker} of ${answer.pod}` : 'unknown';
}
