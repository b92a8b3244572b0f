import { Command } from 'commander';
import type { PodStatus } from '../launcher/ops/pod-status';
import type { PodRoom } from '../launcher/ops/socket-views';
import { CommandError, EXIT } from './exit-codes';
import { findPod, type PodFlags, podOptions } from './find-pod';
import { count, painter } from './format';
import { headLine, podTable, workerTable } from './pod-tables';
import { print, runCommand } from './run-command';
import { renderTable } from './table';
import { wholeNumber } from './whole-number';

interface TopFlags extends PodFlags {
  json?: boolean;
  interval: number;
  count?: number;
}

const SHOW = '\x1b[?1049h\x1b[?25l';
const HIDE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const MOST_ROOMS = 10;

/** `flotilla top`. */
export function topCommand(): Command {
  const command = new Command('top')
    .description('Shows a running pod live; q or Ctrl-C ends it. Without a terminal, prints one table after the other.')
    .option('--json', 'one JSON object a line, for each round')
    .option('--interval <ms>', 'time between rounds', wholeNumber(100, 3_600_000), 2_000)
    .option('--count <rounds>', 'end after so many rounds', wholeNumber(1, 1_000_000));
  for (const option of podOptions()) command.addOption(option);
  return command.action((flags: TopFlags) => runCommand(flags.json, () => top(flags)));
}

async function top(flags: TopFlags): Promise<number> {
  const { client } = findPod(flags);
  const isLive = process.stdout.isTTY === true && !flags.json;
  const screen = isLive ? new LiveScreen() : undefined;
  let isKnown = false;
  try {
    for (let round = 1; !screen?.isEnded; round++) {
      try {
        const [status, { rooms }] = await Promise.all([client.status(), client.rooms()]);
        isKnown = true;
        if (flags.json) print(JSON.stringify(status));
        else if (screen) screen.show(lines(status, rooms, true));
        else print(`${lines(status, rooms, false).join('\n')}\n`);
      } catch (error) {
        // a pod that was there may come back: it is watched on
        if (!screen || !isKnown || !(error instanceof CommandError)) throw error;
        screen.show([error.message]);
      }
      if (round === flags.count) break;
      await (screen?.sleep(flags.interval) ?? new Promise((resolve) => setTimeout(resolve, flags.interval)));
    }
    return EXIT.ok;
  } finally {
    screen?.close();
  }
}

function lines(status: PodStatus, rooms: PodRoom[], isTerminal: boolean): string[] {
  const paint = painter(isTerminal);
  const last = status.history.points.at(-1);
  const rates = last
    ? `${count(last.sockets)} sockets, ${count(last.messagesIn)} messages in and ${count(last.messagesOut)} out per second, ${count(last.requests)} virtual requests, ${count(last.busMessages)} between workers`
    : 'nothing is measured yet';
  const troubles = Object.entries(status.readiness.checks).filter(([, check]) => check.status !== 'ok');
  return [
    headLine(status, paint),
    rates,
    ...troubles.map(([name, check]) => paint(`${name}: ${check.detail}`, check.status)),
    '',
    ...workerTable(status),
    '',
    ...podTable(status),
    '',
    ...roomTable(rooms.slice(0, MOST_ROOMS)),
  ];
}

function roomTable(rooms: PodRoom[]): string[] {
  if (rooms.length === 0) return ['Nobody is in a room.'];
  const rows = rooms.map(({ nsp, room, sockets }) => [
    printable(nsp === '/' ? room : `${nsp} ${room}`),
    count(sockets),
  ]);
  return renderTable([{ title: 'LARGEST ROOMS' }, { title: 'SOCKETS', right: true }], rows);
}

/** Rooms may be named by clients: nothing of a name may move the cursor. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e\u00a1-\uffff]/g, '?').slice(0, 60);
}

/** A terminal's other screen, until `q`, Ctrl-C or a signal. */
class LiveScreen {
  isEnded = false;
  #wake = () => {};

  constructor() {
    process.stdout.write(SHOW);
    const { stdin } = process;
    if (stdin.isTTY) {
      stdin.setRawMode(true);
      stdin.resume();
      stdin.on('data', this.#onKey);
    }
    process.on('SIGINT', this.#end);
    process.on('SIGTERM', this.#end);
  }

  show(text: string[]): void {
    // a terminal that does not know its size says 0
    const rows = process.stdout.rows || 24;
    const columns = process.stdout.columns || 80;
    const visible = text.slice(0, rows - 1).map((line) => `${cut(line, columns)}${CLEAR_LINE}`);
    process.stdout.write(`${HOME}${visible.join('\n')}\n${CLEAR_BELOW}`);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.isEnded) this.#wake();
    });
  }

  close(): void {
    const { stdin } = process;
    if (stdin.isTTY) {
      stdin.removeListener('data', this.#onKey);
      stdin.setRawMode(false);
      stdin.pause();
    }
    process.removeListener('SIGINT', this.#end);
    process.removeListener('SIGTERM', this.#end);
    process.stdout.write(HIDE);
  }

  readonly #onKey = (key: Buffer) => {
    if (['q', 'Q', '\x03', '\x1b'].includes(key.toString())) this.#end();
  };

  readonly #end = () => {
    this.isEnded = true;
    this.#wake();
  };
}

/** As many characters as fit; those that only colour take no room. */
function cut(line: string, columns: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with the escape character
  const parts = line.split(/(\x1b\[\d+m)/);
  let room = columns;
  return parts
    .map((part) => {
      if (part.startsWith('\x1b')) return part;
      const shown = part.slice(0, Math.max(0, room));
      room -= part.length;
      return shown;
    })
    .join('');
}
