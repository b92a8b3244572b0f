import { setTimeout as delay } from 'node:timers/promises';

const INTERVAL_MS = 300;

/**
 * Asks again and again until the answer is neither `undefined` nor `false`, and returns it. A check that throws counts as not yet.
 *
 * @throws after `deadlineMs`, with what was waited for and what the last check said
 */
export async function until<T>(
  what: string,
  deadlineMs: number,
  check: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  let last: unknown = 'nothing yet';
  for (;;) {
    try {
      const answer = await check();
      if (answer !== undefined && answer !== false) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) throw new Error(`no ${what} within ${deadlineMs / 1000} s; last: ${last}`);
    await delay(INTERVAL_MS);
  }
}
