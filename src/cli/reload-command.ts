import { Command } from 'commander';
import { EXIT } from './exit-codes';
import { findPod, type PodFlags, podOptions } from './find-pod';
import { print, runCommand } from './run-command';
import { wholeNumber } from './whole-number';

interface ReloadFlags extends PodFlags {
  json?: boolean;
  timeout: number;
}

/** `flotilla reload`. */
export function reloadCommand(): Command {
  const command = new Command('reload')
    .description('Replaces the workers of a running pod one by one, as SIGHUP does, and waits for the outcome.')
    .option('--timeout <ms>', 'how long to wait for the outcome', wholeNumber(1, 3_600_000), 240_000)
    .option('--json', 'as JSON');
  for (const option of podOptions()) command.addOption(option);
  return command.action((flags: ReloadFlags) => runCommand(flags.json, () => reload(flags)));
}

async function reload(flags: ReloadFlags): Promise<number> {
  const begun = Date.now();
  const replaced = await findPod(flags).client.reload(flags.timeout);
  const tookMs = Date.now() - begun;
  const workers = replaced === 1 ? 'worker' : 'workers';
  print(
    flags.json
      ? JSON.stringify({ replaced, tookMs })
      : `${replaced} ${workers} replaced in ${(tookMs / 1_000).toFixed(1)} s`,
  );
  return EXIT.ok;
}
