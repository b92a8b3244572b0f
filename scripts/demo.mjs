// Runs the example app on several workers until Ctrl-C, and prints its address once it answers.
import { spawn } from 'node:child_process';
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { dir: { type: 'string' }, workers: { type: 'string' }, port: { type: 'string' } },
});
const address = `http://localhost:${values.port}`;

const launcher = spawn(
  process.execPath,
  ['bin/flotilla.js', 'start', values.dir, '--workers', values.workers, '--port', values.port],
  { stdio: 'inherit' },
);

// Ctrl-C reaches the launcher by itself, as it is in the same process group; other signals are passed on.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => launcher.kill('SIGTERM'));
process.on('SIGHUP', () => launcher.kill('SIGTERM'));

launcher.once('exit', (code, signal) => {
  process.exit(signal === 'SIGINT' || signal === 'SIGTERM' ? 0 : (code ?? 1));
});

while (!(await answers())) await delay(250);
console.log(`
  The live counter runs on ${values.workers} worker${values.workers === '1' ? '' : 's'}:  ${address}
  Open it in two tabs: each tells which worker serves it. Ctrl-C stops it.
`);

/** Whether the app answers an HTTP request with its page. */
function answers() {
  return new Promise((resolve) => {
    const request = get(address, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
    request.setTimeout(5_000, () => request.destroy());
  });
}
