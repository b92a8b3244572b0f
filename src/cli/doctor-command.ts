import { Command } from 'commander';
import { checkApp } from '../launcher/app-check';
import { codeOf, LauncherError } from '../launcher/errors';
import { findClientTransports } from './doctor/client-transports';
import type { Finding } from './doctor/finding';
import { fail, ok } from './doctor/finding';
import { loadApp } from './doctor/load-app';
import { checkAppRedis } from './doctor/redis';
import { checkSettings } from './doctor/settings';
import { checkSurroundings } from './doctor/surroundings';
import { CommandError, EXIT } from './exit-codes';
import { painter } from './format';
import { print, runCommand } from './run-command';

interface DoctorFlags {
  environment: string;
  strict?: boolean;
  json?: boolean;
}

/**
 * `flotilla doctor [dir]`.
 * @param sailsArguments what came after `--`
 */
export function doctorCommand(sailsArguments: string[] = []): Command {
  return new Command('doctor')
    .description(
      'Looks at an app and its surroundings before production, and says what to do. Exit code 1: something must be mended.',
    )
    .usage('[dir] [options] [-- sails-options]')
    .argument('[dir]', 'the directory of the app', '.')
    .option('--environment <name>', 'which of the app’s configurations to look at', 'production')
    .option('--strict', 'exit code 1 for warnings, too')
    .option('--json', 'as JSON')
    .action((directory: string, flags: DoctorFlags) =>
      runCommand(flags.json, async () => {
        const findings = await examine(directory, flags.environment, sailsArguments);
        const failed = findings.some(({ status }) => status === 'fail');
        const warned = findings.some(({ status }) => status === 'warn');
        if (flags.json) print(JSON.stringify({ ok: !failed, findings }, null, 2));
        else print(describe(findings));
        return failed || (flags.strict && warned) ? EXIT.failure : EXIT.ok;
      }),
    );
}

async function examine(directory: string, environment: string, sailsArguments: string[]): Promise<Finding[]> {
  const appPath = pathOf(directory);
  const surroundings = checkSurroundings(appPath);
  const app = await loadApp(appPath, environment, sailsArguments);
  if ('trouble' in app) {
    const cure = `Try it: NODE_ENV=${environment} npx sails console.`;
    return [...surroundings, fail('configuration', `it cannot be loaded: ${app.trouble}`, cure)];
  }
  return [
    ...surroundings,
    ok('configuration', `loaded for ${app.environment}`),
    ...checkSettings(app, findClientTransports(appPath)),
    ...(await checkAppRedis(app)),
  ];
}

/** A second sockets hook is one of the findings, not the end. */
function pathOf(directory: string): string {
  try {
    return checkApp(directory, { allowOtherHook: true });
  } catch (error) {
    if (!(error instanceof LauncherError)) throw error;
    throw new CommandError(EXIT.failure, 'E_COMMAND', `${error.message} (${codeOf(error)})`);
  }
}

function describe(findings: Finding[]): string {
  const paint = painter(process.stdout.isTTY === true);
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.flatMap(({ name, status, detail, cure }) => [
    `${paint(status.padEnd(4), status)}  ${name.padEnd(width)}  ${detail}`,
    ...(cure ? [`${' '.repeat(width + 8)}→ ${cure}`] : []),
  ]);
  const count = (status: string) => findings.filter((each) => each.status === status).length;
  return [...lines, '', `${count('fail')} to mend, ${count('warn')} to look at, ${count('ok')} in order`].join('\n');
}
