import type { App } from './lift.js';

/** Fetches JSON; also gives the session cookie that the answer sets, ready to be sent back. */
export async function fetchJson(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ body: App; cookie: string }> {
  const answer = await fetch(url, { headers: { accept: 'application/json', ...headers } });
  const cookie = (answer.headers.get('set-cookie') ?? headers.cookie ?? '').split(';', 1)[0] as string;
  return { body: await answer.json(), cookie };
}
