import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SailsApp, SailsHookDefinition } from '../../types/sails';

const ADDRESS = 'dependencies/sails.io.js';
const FILE = join(__dirname, '../../client/sails.io.js');

/**
 * `GET /dependencies/sails.io.js`: our client, where the app has none of its own at that address and
 * `sails.config.flotilla.serveClient` is not false. It is looked for at each request, since Grunt copies assets after the lift.
 */
export function serveClient(app: SailsApp): SailsHookDefinition['routes']['after'][string] {
  return async (request, response, next) => {
    if (app.config.flotilla?.serveClient === false || request.isSocket || (await hasOwn(app))) {
      next();
      return;
    }
    try {
      const script = await readFile(FILE);
      response.set('Content-Type', 'application/javascript; charset=utf-8');
      response.set('Cache-Control', 'public, max-age=3600');
      response.send(script);
    } catch (error) {
      next(error);
    }
  };
}

async function hasOwn(app: SailsApp): Promise<boolean> {
  const { public: directory } = (app.config.paths ?? {}) as { public?: string };
  if (!directory) return false;
  return access(join(directory, ADDRESS)).then(
    () => true,
    () => false,
  );
}
