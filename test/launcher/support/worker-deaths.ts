import type { Socket } from 'socket.io-client';
import { expect } from 'vitest';
import { connected, scatteringClient } from './clients';
import { type Answer, send } from './http';
import { type RunningPod, startPod } from './pod';

export const LEVEL_FATAL = 60;

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** The pids of the workers that are ready, as the log tells. */
export function readyPids(pod: RunningPod): number[] {
  return pod
    .log()
    .filter(({ msg }) => msg.startsWith('worker ready'))
    .map(({ pid }) => pid as number)
    .filter(isAlive);
}

/** C20: kills one random worker of four after another while a broadcast runs, then all at once. */
export async function outliveDeaths({ kills, clients: count }: { kills: number; clients: number }): Promise<void> {
  const pod = await startPod({ workers: 4, args: ['--unavailable-after', '0'] });
  const clients: Socket[] = [];
  for (let index = 0; index < count; index++) {
    const transports = index % 2 ? ['polling'] : ['websocket'];
    const client = scatteringClient(pod.url, {
      transports,
      reconnection: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 500,
    });
    client.on('connect', () => client.emit('get', { method: 'get', url: '/room', headers: {} }, () => {}));
    clients.push(client);
  }
  await Promise.all(clients.map(connected));
  const allBack = () => until(() => clients.every((client) => client.connected));

  for (let round = 0; round < kills; round++) {
    await until(() => readyPids(pod).length === 4);
    const pids = readyPids(pod);
    const victim = pids[Math.floor(Math.random() * pids.length)] as number;
    const broadcast = send(`${pod.url}/room`, { method: 'POST' }).catch(() => undefined);
    process.kill(victim, 'SIGKILL');
    await broadcast;
    await until(() => !isAlive(victim));
    await allBack();
  }

  let atOnce: Answer;
  // Once, but for a machine so busy that others are ready before the request comes.
  do {
    await until(() => readyPids(pod).length === 4);
    for (const pid of readyPids(pod)) process.kill(pid, 'SIGKILL');
    atOnce = await send(`${pod.url}/whoami`);
  } while (atOnce.status === 200);
  expect([atOnce.status, atOnce.headers['retry-after']]).toEqual([503, '1']);
  await until(async () => (await send(`${pod.url}/whoami`)).status === 200);
  await allBack();
  await until(() => readyPids(pod).length === 4);
  expect(isAlive(pod.program.pid)).toBe(true);
  expect(pod.log().filter(({ level }) => level === LEVEL_FATAL)).toEqual([]);
  for (const client of clients) client.close();
  expect((await pod.stop()).code).toBe(0);
}
