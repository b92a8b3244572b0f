import type { Socket } from 'socket.io-client';
import { afterEach, expect, test } from 'vitest';
import { connected, scatteringClient, virtual } from '../launcher/support/clients';
import { send } from '../launcher/support/http';
import type { RunningPod } from '../launcher/support/pod';
import { seriesOf } from '../ops/support/ops-pod';
import { openSession, TestFleet } from './support/fleet';

const sockets: Socket[] = [];
let fleet: TestFleet | undefined;
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close();
  await fleet?.stop();
});

function start(fleet: TestFleet, secrets: string): Promise<RunningPod> {
  return fleet.add('pod', {
    env: { FLOTILLA_POD_NAME: `pod-${fleet.pods.length}`, FLOTILLA_PEER_SECRET: secrets, FLOTILLA_BUS_SECRET: secrets },
  });
}

/** What two pods must be able to do with each other. */
async function expectOneApp(pods: RunningPod[]): Promise<void> {
  const clients = await Promise.all(
    pods.map(async ({ url }) => {
      const socket = scatteringClient(url, { transports: ['websocket'] });
      sockets.push(socket);
      await connected(socket);
      await virtual(socket, 'post', '/room');
      return socket;
    }),
  );
  for (const sender of pods) {
    const news = clients.map((socket) => new Promise((resolve) => socket.once('news', resolve)));
    await send(`${sender.url}/room`, { method: 'POST' });
    await Promise.all(news);
  }
  for (const [one, other] of [pods, [...pods].reverse()] as Array<[RunningPod, RunningPod]>) {
    const session = await openSession(one.url);
    const poll = await send(session.url.replace(one.url, other.url));
    expect(poll.status).toBe(200);
  }
  for (const socket of sockets.splice(0)) socket.close();
}

test('secrets between pods are changed in three rounds, and nobody notices', async () => {
  fleet = await TestFleet.start([]);
  let pods = [await start(fleet, 'old'), await start(fleet, 'old')];
  for (const secrets of ['old,new', 'new,old', 'new']) {
    for (const replaced of [0, 1]) {
      const [going, staying] = [pods[replaced] as RunningPod, pods[1 - replaced] as RunningPod];
      const coming = await start(fleet, secrets);
      await going.stop();
      pods = replaced === 0 ? [coming, staying] : [staying, coming];
      await coming.logged(/joined the fleet/);
      await expectOneApp(pods);
      const figures = (await Promise.all(pods.map(figuresOf))).flat();
      expect(figures.filter(([name, count]) => /refused|bad-signature/.test(name) && count > 0)).toEqual([]);
      expect(figures.filter(([name, count]) => /outcome="accepted"/.test(name) && count > 0)).not.toEqual([]);
    }
  }
});

/** What a pod counts of their connections and of what the bus drops. */
async function figuresOf(pod: RunningPod): Promise<Array<[string, number]>> {
  const [line] = await pod.logged(/ops server on/);
  const text = await (await fetch(`http://127.0.0.1:${line?.port}/metrics`)).text();
  return seriesOf(text).filter(([name]) => /^flotilla_(peer_connections|bus_dropped)_total/.test(name));
}
