import { Command } from 'commander';
import { isRunning } from '../launcher/ops/pod-record';
import { CommandError, EXIT } from './exit-codes';
import { type FoundPod, findPod, type PodFlags, podOptions } from './find-pod';
import { print, runCommand } from './run-command';
import { wholeNumber } from './whole-number';

interface StopFlags extends PodFlags {
  json?: boolean;
  timeout: number;
}

const LOOK_EVERY_MS = 100;

/** `flotilla stop`. */
export function stopCommand(): Command {
  const command = new Command('stop')
    .description('Stops a running pod as SIGTERM does, and waits until it has ended.')
    .option('--timeout <ms>', 'how long to wait for its end', wholeNumber(0, 3_600_000), 60_000)
    .option('--json', 'as JSON');
  for (const option of podOptions()) command.addOption(option);
  return command.action((flags: StopFlags) => runCommand(flags.json, () => stop(flags)));
}

async function stop(flags: StopFlags): Promise<number> {
  const found = findPod(flags);
  const { name, pid } = (await found.client.status()).pod;
  const begun = Date.now();
  await found.client.stop();
  while (await isThere(found)) {
    if (Date.now() - begun > flags.timeout) {
      throw new CommandError(
        EXIT.failure,
        'E_STILL_THERE',
        `${name} was asked to stop and is still there after ${flags.timeout} ms. Its log says what it waits for; "flotilla status" may, too.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  const tookMs = Date.now() - begun;
  print(
    flags.json
      ? JSON.stringify({ stopped: name, pid, tookMs })
      : `${name} has stopped (${(tookMs / 1_000).toFixed(1)} s)`,
  );
  return EXIT.ok;
}

async function isThere({ client, record }: FoundPod): Promise<boolean> {
  if (record) return isRunning(record.pid);
  try {
    await client.status();
    return true;
  } catch (error) {
    if (error instanceof CommandError && error.code === 'E_NO_POD') return false;
    throw error;
  }
}
