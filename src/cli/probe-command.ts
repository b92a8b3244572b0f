import { Command } from 'commander';
import { CommandError, EXIT } from './exit-codes';
import { type Apart, type ProbeResult, probeFleet } from './probe/probe-fleet';
import { print, runCommand } from './run-command';
import { wholeNumber } from './whole-number';

interface ProbeFlags {
  origin?: string;
  path: string;
  pods: number;
  timeout: number;
  json?: boolean;
}

/** `flotilla probe <url>`. */
export function probeCommand(): Command {
  return new Command('probe')
    .description(
      'Tries a running fleet from outside: opens two sockets, on two pods where it can, makes a round trip on each, and sends a broadcast from one to the other. ' +
        'FLOTILLA_PROBE_TOKEN must be set here and for the app. Exit code 0: all of it works; 1: it does not.',
    )
    .argument('<url>', 'where clients reach the app, e.g. https://shop.example')
    .option('--origin <origin>', 'the origin to name, one that the app allows (sails.config.sockets.onlyAllowOrigins)')
    .option('--path <path>', 'where Socket.IO listens (sails.config.sockets.path)', '/socket.io')
    .option('--pods <n>', 'on how many pods the sockets must be, 1 or 2', wholeNumber(1, 2), 1)
    .option('--timeout <ms>', 'how long all of it may take, in milliseconds', wholeNumber(1, 3_600_000), 10_000)
    .option('--json', 'as JSON')
    .action((url: string, flags: ProbeFlags) =>
      runCommand(flags.json, async () => {
        const { origin, path, pods, timeout } = flags;
        const result = await probeFleet({
          url: checkUrl(url),
          path,
          origin,
          pods,
          timeoutMs: timeout,
          token: readToken(),
        });
        print(flags.json ? JSON.stringify(result) : describe(result));
        return EXIT.ok;
      }),
    );
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^(https?|wss?):$/.test(url.protocol)) return url.origin === 'null' ? url.href : url.origin;
  throw new CommandError(
    EXIT.usage,
    'E_PROBE',
    `"${text}" is not the address of an app: give e.g. https://shop.example, and --path where Socket.IO is elsewhere than at /socket.io.`,
  );
}

function readToken(): string {
  const token = process.env.FLOTILLA_PROBE_TOKEN;
  if (token) return token;
  throw new CommandError(
    EXIT.failure,
    'E_PROBE',
    'FLOTILLA_PROBE_TOKEN is not set: set it to the token that the pods of the app were started with.',
  );
}

const APART: Record<Apart, string> = {
  pods: 'from pod to pod',
  workers: 'from worker to worker of one pod',
  none: 'within one worker: no other was reached',
};

function describe({ sockets, apart, broadcastMs, tries }: ProbeResult): string {
  const lines = sockets.map(
    ({ podName, pod, worker, roundTripMs }, index) =>
      `socket ${index + 1}: pod ${podName} (${pod}), worker ${worker}, round trip ${roundTripMs.toFixed(1)} ms`,
  );
  return [
    ...lines,
    `broadcast: ${APART[apart]}, ${broadcastMs.toFixed(1)} ms (${tries} ${tries === 1 ? 'try' : 'tries'} for the second socket)`,
  ].join('\n');
}
