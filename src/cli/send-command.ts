import { Command, Option } from 'commander';
import { LINK_NAMES, type LinkName } from '../bus/link/create-link';
import { createEmitter } from '../emitter';
import { codeOf, messageOf } from '../launcher/errors';
import { CommandError, EXIT } from './exit-codes';
import { findPod, type PodFlags, podOptions } from './find-pod';
import { print, runCommand } from './run-command';

interface SendFlags extends PodFlags {
  json?: boolean;
  nsp: string;
  redis?: string;
  link?: LinkName;
}

/** How long Redis may take to be there. */
const REDIS_WITHIN_MS = 5_000;

/** `flotilla send <room> <event> [json]`. */
export function sendCommand(): Command {
  const command = new Command('send')
    .description(
      'Sends an event to everybody in a room, on all pods: through Redis where it is given, else through a pod that runs here.',
    )
    .argument('<room>', 'the room')
    .argument('<event>', "the event's name")
    .argument('[json]', 'its data, as JSON')
    .option('--nsp <namespace>', 'Socket.IO namespace', '/')
    .addOption(
      new Option('--redis <url>', "the fleet's Redis (default: FLOTILLA_REDIS_URL, unless --url or --pod names a pod)"),
    )
    .addOption(
      // The variable by which Sails itself takes the setting, and the chart gives it.
      new Option('--link <name>', "the fleet's link through that Redis, as in sails.config.flotilla.link")
        .choices(LINK_NAMES)
        .env('sails_flotilla__link'),
    )
    .option('--json', 'as JSON');
  for (const option of podOptions()) command.addOption(option);
  return command.action((room: string, event: string, text: string | undefined, flags: SendFlags) =>
    runCommand(flags.json, async () => {
      const args = text === undefined ? [] : [parse(text)];
      const redis = flags.redis ?? (flags.url || flags.pod ? undefined : process.env.FLOTILLA_REDIS_URL);
      const sent = redis
        ? await sendThroughRedis(redis, flags, room, event, args)
        : await sendThroughPod(flags, room, event, args);
      print(flags.json ? JSON.stringify({ room, event, ...sent }) : `sent "${event}" to the room "${room}"`);
      return EXIT.ok;
    }),
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CommandError(
      EXIT.usage,
      'E_COMMAND',
      `The data is not JSON (${messageOf(error)}). Text needs its own quotes: '"hello"'.`,
    );
  }
}

async function sendThroughPod(flags: SendFlags, room: string, event: string, args: unknown[]) {
  const { client } = findPod(flags);
  return { via: client.url, worker: await client.send(flags.nsp, room, event, args) };
}

async function sendThroughRedis(redis: string, { nsp, link }: SendFlags, room: string, event: string, args: unknown[]) {
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  try {
    const emitter = createEmitter({ redis, link, nsp, log: silent });
    try {
      await within(emitter.ready(), REDIS_WITHIN_MS);
      emitter.broadcast(room, event, args[0]);
    } finally {
      await emitter.close();
    }
    return { via: 'redis' };
  } catch (error) {
    throw new CommandError(EXIT.failure, 'E_COMMAND', `${messageOf(error)} (${codeOf(error) ?? 'E_COMMAND'})`);
  }
}

async function within(promise: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () =>
        reject(new Error(`Redis does not answer within ${ms} ms: nothing was sent. "flotilla doctor" looks into it.`)),
      ms,
    );
  });
  try {
    await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
