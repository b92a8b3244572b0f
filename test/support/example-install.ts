import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

export const EXAMPLE = resolve(__dirname, '../../examples/live-counter');

/**
 * Waits for the packages of the example while `make test` installs them beside the other tests.
 * `TEST_EXAMPLE_INSTALL` names the file that then gets the exit code.
 */
export async function exampleInstalled(): Promise<void> {
  const ended = process.env.TEST_EXAMPLE_INSTALL;
  while (ended && !existsSync(ended)) await new Promise((settle) => setTimeout(settle, 100));
  if (ended && readFileSync(ended, 'utf8') !== '0') throw new Error('`npm ci` in examples/live-counter has failed.');
  if (!existsSync(`${EXAMPLE}/node_modules/sails`)) {
    throw new Error('The example is not installed: run `npm ci` in examples/live-counter.');
  }
}
