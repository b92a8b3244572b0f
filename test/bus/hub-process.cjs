// A primary with nothing but a hub, in a process of its own that a test can kill.
const { rmSync } = require('node:fs');
const { Hub } = require('../../dist/bus/hub/hub');
const { createLink } = require('../../dist/bus/link/create-link');
const { resolveRedisSettings } = require('../../dist/redis');

const log = { debug() {}, info() {}, warn() {}, error() {} };
const { TEST_REDIS, TEST_LINK: name, TEST_HUB, TEST_POD_TAG: podTag, FLOTILLA_POD_NAME: podName } = process.env;

rmSync(TEST_HUB, { force: true });
const hub = new Hub({ podTag, podName, log });
hub.listen(TEST_HUB).then(async () => {
  const redis = resolveRedisSettings({ code: TEST_REDIS, env: {} });
  await hub.connect(createLink({ name, podName, redis, log })).ready();
  process.send('ready');
});
process.on('disconnect', () => process.exit());
