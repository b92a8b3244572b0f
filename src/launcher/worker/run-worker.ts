import { rmSync } from 'node:fs';
import { readIdentity } from '../../bus/identity';
import { codeOf, LauncherError, messageOf } from '../errors';
import type { LaunchEnvironment } from '../messages';
import { LiftedWorker } from './lifted-worker';
import { loadSails, withOverrides } from './load-sails';
import { PrimaryLink } from './primary-link';
import { runEntry } from './run-entry';
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
    if (message.flotilla === 'close-polls') void worker?.closePolling(message.windowMs);
    if (message.flotilla === 'shed') void worker?.shed(message);
    if (message.flotilla !== 'stop') return;
    // while it lifts there is nothing to end in good order
    if (!worker?.isLifted) process.exit(0);
    void worker.drainAndLower(message).finally(() => process.exit(0));
  });
  const lift = (sails: SailsApp, config: Record<string, unknown>) => {
    worker = new LiftedWorker(sails, launch, readIdentity(), link);
    return worker.lift(config);
  };
  const fail = async (error: unknown, sails?: SailsApp) => {
    if (!(error instanceof LauncherError)) (sails?.log?.error ?? console.error)(error);
    await link.send({ flotilla: 'failed', code: codeOf(error), message: messageOf(error) });
  };
  const { entry } = launch;
  if (entry !== undefined) {
    runEntry(entry, {
      onLift: (sails, overrides, done) => {
        lift(sails, withOverrides(overrides, launch)).then(
          () => done?.(undefined, sails),
          async (error) => {
            await fail(error, sails);
            done?.(error);
            process.exit(1);
          },
        );
      },
      onIdle: () => void fail(endedWithoutLift(entry)).then(() => process.exit(1)),
    });
    return;
  }
  let sails: SailsApp | undefined;
  try {
    const loaded = loadSails(launch);
    sails = loaded.sails;
    await lift(sails, loaded.config);
  } catch (error) {
    await fail(error, sails);
    process.exit(1);
  }
}

function endedWithoutLift(entry: string): LauncherError {
  return new LauncherError(
    'E_ENTRY',
    `${entry} ended without having called sails.lift(): "flotilla run" is for entry files that lift a Sails app.`,
  );
}
