'use strict';

/** The primary whose hub and session store the workers with the pod store use. Tells where, and its CPU time when asked. */
const { setup } = require('../../dist/launcher/setup');

setup();
process.send({ FLOTILLA_HUB: process.env.FLOTILLA_HUB, FLOTILLA_POD: process.env.FLOTILLA_POD });
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send({ cpuUs: user + system });
});
// The benchmark is over, or has failed: this process must not outlive it.
process.on('disconnect', () => process.exit());
