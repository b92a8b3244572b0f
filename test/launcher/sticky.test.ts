import type { Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate } from './support/certificate';
import { connected, inBatches, scatteringClient, upgraded, virtual } from './support/clients';
import { json } from './support/http';
import { linesOf, type RunningPod, startCommand, startPod } from './support/pod';

describe('mode sticky', () => {
  let pod: RunningPod;
  beforeAll(async () => {
    pod = await startPod({ workers: 3, args: ['--mode', 'sticky'] });
  }, 60_000);
  afterAll(() => pod?.stop());

  test('60 polling clients, half of which upgrade, are served by all workers', async () => {
    const open: Socket[] = [];
    const workers = await inBatches(60, 10, async (index) => {
      const client = scatteringClient(pod.url, { transports: index % 2 ? ['polling'] : ['polling', 'websocket'] });
      open.push(client);
      const opened = new Promise<void>((resolve) => client.io.once('open', resolve));
      const connecting = connected(client);
      await opened;
      if (index % 2 === 0) expect(await upgraded(client)).toBe('websocket');
      await connecting;
      return (await virtual<{ worker: string }>(client, 'get', '/address')).worker;
    });
    for (const client of open) client.close();
    expect(new Set(workers)).toEqual(new Set(['1', '2', '3']));
  });

  test('pages and bodies', async () => {
    const answer = await json<{ length: number }>(`${pod.url}/hash`, { method: 'POST', body: 'x'.repeat(200_000) });
    expect(answer.length).toBe(200_000);
  });
});

test('mode sticky refuses an app that speaks TLS itself, and names the cure', async () => {
  const certificate = makeCertificate();
  const program = startCommand({ args: ['--mode', 'sticky'], env: { FIXTURE_TLS: certificate.path } });
  const { code } = await program.ended();
  certificate.remove();
  expect(code).toBe(1);
  const fatal = linesOf(program).find(({ level }) => level === 60);
  expect(fatal?.code).toBe('E_STICKY_TLS');
  expect(fatal?.msg).toContain('--mode route');
});
