import type { Agent } from 'node:http';
import { parseOwner } from '../../../dist/bus/ids';
import { type Answer, send } from './http';

const VERSION = '__sails_io_sdk_version=1.2.1';

/** An Engine.IO session spoken by hand, over polling. */
export interface PollingSession {
  id: string;
  /** The tag of its worker. */
  owner: string;
  url: string;
  poll(agent?: Agent | false): Promise<Answer>;
  post(body: string, agent?: Agent | false): Promise<Answer>;
}

/** Opens a session over a connection of its own. */
export async function openSession(base: string): Promise<PollingSession> {
  const path = `${base}/socket.io/?EIO=4&transport=polling&${VERSION}`;
  const answer = await send(path);
  const { sid } = JSON.parse(answer.body.toString().slice(1)) as { sid: string };
  const url = `${path}&sid=${sid}`;
  return {
    id: sid,
    owner: parseOwner(sid)?.worker ?? '',
    url,
    poll: (agent) => send(url, { agent }),
    post: (body, agent) => send(url, { agent, method: 'POST', body, headers: { 'Content-Type': 'text/plain' } }),
  };
}

/** Opens sessions until two workers have one each. */
export async function openSessionsOnTwoWorkers(base: string): Promise<[PollingSession, PollingSession]> {
  const first = await openSession(base);
  for (;;) {
    const second = await openSession(base);
    if (second.owner !== first.owner) return [first, second];
  }
}
