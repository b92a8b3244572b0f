import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { availableCpus } from '../../launcher/available-cpus';
import { type Finding, fail, ok, skip, warn } from './finding';

const TESTED = [20, 22, 24];
/** Each client is an open file of its worker. */
const MANY_FILES = 65_536;
const FEW_FILES = 4_096;

/** What is around the app: Node, packages, the machine. */
export function checkSurroundings(appPath: string): Finding[] {
  return [checkNode(), checkHooks(appPath), checkOpenFiles(), checkWorkers()];
}

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const version = `Node ${process.versions.node}`;
  if (major < 20 || (major === 20 && minor < 19)) {
    return fail('node', `${version} is too old`, 'Install Node 20.19, 22 or 24.');
  }
  if (!TESTED.includes(major)) {
    return warn('node', `${version} is not among those that are tested`, `Use Node ${TESTED.join(', ')}.`);
  }
  return ok('node', version);
}

function checkHooks(appPath: string): Finding {
  if (existsSync(join(appPath, 'node_modules', 'sails-hook-sockets'))) {
    return fail(
      'sockets hook',
      'sails-hook-sockets is installed as well: Sails takes whichever loads last',
      'npm uninstall sails-hook-sockets',
    );
  }
  try {
    createRequire(join(appPath, 'package.json')).resolve('sails-hook-flotilla/package.json');
    return ok('sockets hook', 'sails-hook-flotilla is the only one');
  } catch {
    return warn(
      'sockets hook',
      'sails-hook-flotilla is not installed in the app: "flotilla start" brings its own, "sails lift" has none',
      'npm install sails-hook-flotilla',
    );
  }
}

function checkOpenFiles(): Finding {
  const limit = openFileLimit();
  if (limit === undefined) return skip('open files', 'the limit cannot be read on this system');
  const detail = `a process may open ${limit} files; each client is one`;
  const cure = `Raise it to ${MANY_FILES}: "ulimit -n ${MANY_FILES}", LimitNOFILE= in a systemd unit, --ulimit nofile= for a container.`;
  if (limit < FEW_FILES) return fail('open files', detail, cure);
  return limit < MANY_FILES ? warn('open files', detail, cure) : ok('open files', detail);
}

function openFileLimit(): number | undefined {
  try {
    const found = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return found === 'unlimited' ? Number.POSITIVE_INFINITY : Number(found);
  } catch {
    return undefined;
  }
}

function checkWorkers(): Finding {
  const cpus = availableCpus();
  const asked = Number(process.env.FLOTILLA_WORKERS ?? cpus);
  if (asked > 2 * cpus) {
    return warn(
      'workers',
      `FLOTILLA_WORKERS is ${asked}, and there are ${cpus} CPUs`,
      'Run about one worker for each CPU.',
    );
  }
  return ok('workers', `${asked}, with ${cpus} CPUs available`);
}
