import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LauncherError } from './errors';

/** An app's own entry file, which each worker runs as `node` would. */
export interface Entry {
  /** As it was given; `node` finds it from the current directory, with or without its extension. */
  file: string;
  /** What follows it. */
  arguments: string[];
  /** Options of Node before it, such as `--import=./tracing.mjs`. */
  nodeArguments: string[];
}

/** Options of Node whose value may be an argument of its own, among those that make sense before an entry file. */
const WITH_VALUE: ReadonlySet<string> = new Set([
  ...['-r', '--require', '--import', '--loader', '--experimental-loader', '-C', '--conditions'],
  ...['--env-file', '--env-file-if-exists', '--title', '--inspect-port', '--debug-port', '--icu-data-dir'],
  ...['--disable-warning', '--diagnostic-dir', '--dns-result-order', '--unhandled-rejections', '--openssl-config'],
]);
/** With these Node runs no entry file, or not once. */
const WITHOUT_ENTRY: ReadonlySet<string> = new Set([
  ...[
    '-e',
    '--eval',
    '-p',
    '--print',
    '-pe',
    '-c',
    '--check',
    '-i',
    '--interactive',
    '-v',
    '--version',
    '-h',
    '--help',
  ],
  ...['--test', '--watch', '--run', '-'],
]);
const SCRIPT = /\.[cm]?[jt]s$/;
/** Node looks for a main module with these endings, too. */
const ENDINGS = ['', '.js', '.json', '.node', '/index.js'];

/**
 * Reads the command line of an app: `node app.js --prod`, options of Node before the file included; `node` may be left out.
 * @throws LauncherError `E_ENTRY`
 */
export function parseEntry(words: readonly string[]): Entry {
  const [program] = words;
  if (program === undefined) throw bad('No command is given.');
  const rest = SCRIPT.test(program) || program.startsWith('-') ? [...words] : words.slice(1);
  if (rest.length === words.length - 1 && program !== 'node' && resolve(program) !== process.execPath) {
    throw bad(
      `Workers run on the Node that runs flotilla (${process.execPath}), not through "${program}": programs that prepare Node have a way to do it from inside, e.g. "node --require ts-node/register app.ts" or "node --import tsx app.ts".`,
    );
  }
  const nodeArguments: string[] = [];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (WITHOUT_ENTRY.has(word)) throw bad(`With "${word}" Node runs no entry file.`);
    if (!word.startsWith('-')) return { file: word, arguments: rest, nodeArguments };
    nodeArguments.push(word);
    if (WITH_VALUE.has(word)) nodeArguments.push(...rest.splice(0, 1));
  }
  throw bad('The command names no entry file.');
}

/**
 * Finds the directory of the app that an entry file belongs to: the nearest one above it with a package.json.
 * @throws LauncherError `E_ENTRY` where the file is not there
 */
export function findAppOf({ file }: Entry): string {
  const path = resolve(file);
  if (!ENDINGS.some((ending) => statSync(path + ending, { throwIfNoEntry: false })?.isFile())) {
    throw new LauncherError(
      'E_ENTRY',
      `There is no file ${path}. Give the entry file of a Sails app, e.g. "flotilla run -- node app.js"; values of Node's options go into the same word (--option=value).`,
    );
  }
  for (let at = dirname(path); ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return at;
    if (at === dirname(at)) return dirname(path);
  }
}

function bad(what: string): LauncherError {
  return new LauncherError(
    'E_ENTRY',
    `${what} Usage: flotilla run [options] -- node [node-options] app.js [arguments]`,
  );
}
