import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port';
import { type Program, startProgram } from './program';

/** A haproxy that runs. */
export interface HaproxyProcess {
  program: Program;
  port: number;
  stop(): Promise<void>;
}

/**
 * Starts haproxy, and waits until it accepts connections.
 * @param configure gives the lines of its configuration, for a port to listen on and a directory for further files
 */
export async function runHaproxy(configure: (port: number, directory: string) => string[]): Promise<HaproxyProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'flotilla-haproxy-'));
  const port = await freePort();
  const file = join(directory, 'haproxy.cfg');
  writeFileSync(file, [...configure(port, directory), ''].join('\n'));
  const program = startProgram('haproxy', ['-db', '-f', file], { cwd: directory });
  const failed = program.ended().then(({ output }) => Promise.reject(new Error(`haproxy ended:\n${output}`)));
  failed.catch(() => {});
  while (!(await accepts(port))) await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, 20))]);
  return {
    program,
    port,
    stop: async () => {
      await program.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
