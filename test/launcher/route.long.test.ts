import { test } from 'vitest';
import { startPod } from './support/pod';
import { allUpgrade } from './support/upgrading-clients';

test('mode route: 1,000 clients that begin with polling: 1,000 connect, 1,000 upgrade', async () => {
  const pod = await startPod({ workers: 3 });
  try {
    await allUpgrade(pod.url, 1_000, 25);
  } finally {
    await pod.stop();
  }
});
