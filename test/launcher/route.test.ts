import { afterAll, beforeAll, describe, test } from 'vitest';
import { makeCertificate } from './support/certificate';
import { type RunningPod, startPod } from './support/pod';
import { allUpgrade } from './support/upgrading-clients';

describe('mode route, three workers on one port, without stickiness', () => {
  let pod: RunningPod;
  beforeAll(async () => {
    pod = await startPod({ workers: 3 });
  }, 60_000);
  afterAll(() => pod?.stop());

  test('200 clients that begin with polling: 200 connect, 200 upgrade', () => allUpgrade(pod.url, 200, 25));
});

describe('mode route with TLS in the app', () => {
  const certificate = makeCertificate();
  let pod: RunningPod;
  beforeAll(async () => {
    pod = await startPod({ workers: 3, tls: true, env: { FIXTURE_TLS: certificate.path } });
  }, 60_000);
  afterAll(async () => {
    await pod?.stop();
    certificate.remove();
  });

  test('100 clients that begin with polling: 100 connect, 100 upgrade, and are seen as what they are', () =>
    allUpgrade(pod.url, 100, 10));
});
