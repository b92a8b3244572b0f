import { Command } from 'commander';
import { type Entry, parseEntry } from '../launcher/entry';
import { messageOf } from '../launcher/errors';
import { EXIT } from './exit-codes';
import { type StartFlags, servePod, withPodOptions } from './start-command';

/**
 * `flotilla run -- node app.js`.
 * @param words what came after `--`
 */
export function runEntryCommand(words: string[]): Command {
  const command = new Command('run')
    .description('Runs a Sails app by its own entry file on several workers; runs until SIGTERM or Ctrl-C.')
    .usage('[options] -- node [node-options] app.js [arguments]')
    .addHelpText(
      'after',
      `
Each worker runs the file as "node app.js" would, options of Node and arguments included. Where the file calls
sails.lift(), the launcher lifts the app with what the file passes, and calls the file back when that is done.

Examples:
  flotilla run -- node app.js --prod
  flotilla run --workers 4 -- node --import ./tracing.mjs app.js
  flotilla run -- node --require ts-node/register app.ts`,
    );
  return withPodOptions(command).action((flags: StartFlags, self: Command) =>
    servePod({ appPath: '.', entry: readEntry(words, self) }, flags),
  );
}

function readEntry(words: string[], command: Command): Entry {
  try {
    return parseEntry(words);
  } catch (error) {
    return command.error(messageOf(error), { exitCode: EXIT.usage });
  }
}
