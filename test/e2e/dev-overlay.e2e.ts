import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { connected, Site, whoAmI } from './support/ingress';
import { Namespace, run } from './support/kubernetes';
import { until } from './support/until';
import { HOST, imageOf } from './support/values';

const namespace = new Namespace('flotilla-dev');
const site = new Site(`http://${HOST}`);
/** Names the images of this run, as anybody's own overlay would. */
const overlay = mkdtempSync(join(tmpdir(), 'flotilla-overlay-'));

beforeAll(async () => {
  await namespace.delete();
  const standIns = process.env.E2E_SERVICES_IMAGE ? ['docker.io/valkey/valkey', 'docker.io/library/postgres'] : [];
  const images = [['localhost/live-counter', 'E2E_IMAGE'], ...standIns.map((name) => [name, 'E2E_SERVICES_IMAGE'])].map(
    ([name, variable = '']) => {
      const { repository, tag } = imageOf(variable);
      return { name, newName: repository, newTag: tag };
    },
  );
  const resources = [relative(overlay, 'k8s/overlays/dev')];
  writeFileSync(join(overlay, 'kustomization.yaml'), stringify({ resources, images }));
});

afterAll(async () => {
  site.close();
  rmSync(overlay, { recursive: true, force: true });
  await namespace.delete();
});

it('kubectl apply -k k8s/overlays/dev: the example answers, on sockets too', async () => {
  await run('kubectl', ['apply', '-k', overlay]);
  await namespace.kubectl('rollout', 'status', 'deployment', '--timeout=140s');
  await until('answer through the ingress', 30_000, async () => (await site.get('/')) === 200);
  const socket = await connected(site.socket(['websocket']));
  expect((await whoAmI(socket)).pod).toMatch(/^flotilla-/);
  socket.disconnect();
});
