import { rmSync } from 'node:fs';
import { readIdentity } from '../../bus/identity';
import { codeOf, LauncherError, messageOf } from '../errors';
import type { LaunchEnvironment } from '../messages';
import { LiftedWorker } from './lifted-worker';
import { loadSails } from './load-sails';
import { PrimaryLink } from './primary-link';
import type { SailsApp } from './sails-app';
import { ignoreGroupSignals } from './signals';

/** A worker process, from birth to end: lifts the app, serves, and lowers it when the primary says so. */
export async function runWorker(): Promise<void> {
  ignoreGroupSignals();
  const link = new PrimaryLink();
  const launch = JSON.parse(process.env.FLOTILLA_LAUNCHER ?? '') as LaunchEnvironment;
  // a primary that was killed cannot clean up; Node's cluster module ends this process when the channel closes
  process.on('exit', () => {
    if (!process.connected) rmSync(launch.directory, { recursive: true, force: true });
  });
  let worker: LiftedWorker | undefined;
  link.listen((message) => {
    if (message.flotilla !== 'stop') return;
    // while it lifts there is nothing to end in good order
    if (!worker?.isLifted) process.exit(0);
    void worker.drainAndLower(message.windowMs, message.deadlineMs).finally(() => process.exit(0));
  });
  let sails: SailsApp | undefined;
  try {
    const loaded = loadSails(launch);
    sails = loaded.sails;
    worker = new LiftedWorker(sails, launch, readIdentity(), link);
    await worker.lift(loaded.config);
  } catch (error) {
    if (!(error instanceof LauncherError)) (sails?.log?.error ?? console.error)(error);
    await link.send({ flotilla: 'failed', code: codeOf(error), message: messageOf(error) });
    process.exit(1);
  }
}
