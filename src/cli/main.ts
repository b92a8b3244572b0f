import { Command, CommanderError } from 'commander';
import { PACKAGE_VERSION } from '../bus/version';
import { clientCommand } from './client-command';
import { doctorCommand } from './doctor-command';
import { EXIT } from './exit-codes';
import { probeCommand } from './probe-command';
import { reloadCommand } from './reload-command';
import { runEntryCommand } from './run-entry-command';
import { sendCommand } from './send-command';
import { startCommand } from './start-command';
import { statusCommand } from './status-command';
import { stopCommand } from './stop-command';
import { topCommand } from './top-command';

/**
 * Runs the `flotilla` command.
 * @param args the arguments after the program's name
 */
export async function main(args: string[]): Promise<void> {
  // a reader such as `head` that went away must not end the pod
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const end = args.indexOf('--');
  const own = end === -1 ? args : args.slice(0, end);
  const rest = end === -1 ? [] : args.slice(end + 1);
  const program = new Command('flotilla')
    .description('Runs a Sails app on several worker processes behind one port.')
    .version(PACKAGE_VERSION)
    .showHelpAfterError()
    .configureHelp({ showGlobalOptions: false })
    .exitOverride();
  const commands = [
    startCommand(rest),
    runEntryCommand(rest),
    statusCommand(),
    topCommand(),
    stopCommand(),
    reloadCommand(),
    sendCommand(),
    doctorCommand(rest),
    probeCommand(),
    clientCommand(),
  ];
  for (const command of commands) program.addCommand(command.exitOverride().showHelpAfterError());
  try {
    await program.parseAsync(own, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}
