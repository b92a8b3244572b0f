import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Command } from 'commander';
import { runCommand } from './run-command';

/** `flotilla client`. */
export function clientCommand(): Command {
  return new Command('client')
    .description(
      'Prints the client for browsers: flotilla client > assets/dependencies/sails.io.js (the hook serves it without, too).',
    )
    .option('--module', 'as an ES module instead of a script')
    .action(({ module }: { module?: boolean }) => runCommand(false, () => printClient(module === true)));
}

async function printClient(asModule: boolean): Promise<number> {
  const file = join(__dirname, '../client', asModule ? 'sails.io.mjs' : 'sails.io.js');
  await pipeline(createReadStream(file), process.stdout, { end: false });
  return 0;
}
