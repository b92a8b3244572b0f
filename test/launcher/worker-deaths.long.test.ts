import { test } from 'vitest';
import { outliveDeaths } from './support/worker-deaths';

test('C20: ten kills under 200 clients, then all workers at once: same primary, 503 then 200, all clients back', async () => {
  await outliveDeaths({ kills: 10, clients: 200 });
});
