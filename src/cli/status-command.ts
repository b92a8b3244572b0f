import { Command } from 'commander';
import type { PodStatus } from '../launcher/ops/pod-status';
import { EXIT } from './exit-codes';
import { type FoundPod, findPod, type PodFlags, podOptions } from './find-pod';
import { painter } from './format';
import { checkLines, headLine, podTable, workerTable } from './pod-tables';
import { print, runCommand } from './run-command';

/** `flotilla status`. */
export function statusCommand(): Command {
  const command = new Command('status')
    .description('Tells how a running pod is. Exit code 0: ready; 1: not ready; 3: no pod answers.')
    .option('--json', 'as JSON');
  for (const option of podOptions()) command.addOption(option);
  return command.action((flags: PodFlags & { json?: boolean }) =>
    runCommand(flags.json, async () => {
      const found = findPod(flags);
      const status = await found.client.status();
      print(flags.json ? JSON.stringify(status, null, 2) : describe(status, found));
      return status.readiness.status === 'failed' ? EXIT.failure : EXIT.ok;
    }),
  );
}

function describe(status: PodStatus, { client, record }: FoundPod): string {
  const isTerminal = process.stdout.isTTY === true;
  const paint = painter(isTerminal);
  // a link with the token must not end up in a log
  const page = record && isTerminal ? `${client.url}/#token=${record.token}` : client.url;
  const warnings = status.journal.filter(({ level }) => level !== 'info').slice(0, 5);
  return [
    headLine(status, paint),
    `process ${status.pod.pid}, ${status.pod.appPath}, version ${status.version}, page ${page}`,
    '',
    ...checkLines(status, paint),
    '',
    ...workerTable(status),
    '',
    ...podTable(status),
    ...(warnings.length > 0 ? ['', 'Last warnings:'] : []),
    ...warnings.map(
      ({ at, level, text }) => `  ${new Date(at).toISOString()}  ${paint(text, level === 'warn' ? 'warn' : 'failed')}`,
    ),
  ].join('\n');
}
