import { createServer } from 'node:net';

// Below the ports that systems give to whoever asks for any: a server that a test stops and starts again would else find
// that a listener or a connection of another test has its port meanwhile.
const LOWEST = 10_000;
const EACH = 2_500;
const SLOTS = 8;

/** Test files that run at the same time have different ones. */
const first = LOWEST + (Number(process.env.VITEST_POOL_ID ?? 0) % SLOTS) * EACH;
let offset = Math.floor(Math.random() * EACH);

/**
 * A port of this machine that nothing listens on, for programs that must be told one. No other test is given it, and
 * this one not again soon, so a program may end and come back at it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    offset = (offset + 1) % EACH;
    const port = first + offset;
    if (await isFree(port)) return port;
  }
}

/** So many of them, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    // On every address: a program may listen on all of them.
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
