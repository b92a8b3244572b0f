import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Where the app's own pages set the transports of sails.io.js. */
export interface ClientTransports {
  places: Array<{ file: string; transports: string[] }>;
}

const FOLDERS = ['assets', 'views'];
const SOURCES = /\.(js|mjs|ts|ejs|html|htm|vue|jsx|tsx)$/;
const MOST_FILES = 2_000;
const LARGEST_FILE = 512 * 1024;
const SETTING = /io\.sails\.transports\s*=\s*\[([^\]]*)\]/g;

/** Looks for `io.sails.transports = […]` in the app's pages. */
export function findClientTransports(appPath: string): ClientTransports {
  const places: ClientTransports['places'] = [];
  let looked = 0;
  for (const folder of FOLDERS) {
    for (const file of filesIn(join(appPath, folder))) {
      if (++looked > MOST_FILES) return { places };
      // the client itself has examples in its comments
      if (/sails\.io\.js$/.test(file)) continue;
      for (const [, list = ''] of readFileSync(file, 'utf8').matchAll(SETTING)) {
        const transports = [...list.matchAll(/['"`](\w+)['"`]/g)].map(([, name]) => name as string);
        places.push({ file: relative(appPath, file), transports });
      }
    }
  }
  return { places };
}

function filesIn(folder: string): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => SOURCES.test(name) && !name.includes('node_modules'))
    .map((name) => join(folder, name))
    .filter((file) => {
      const stat = statSync(file, { throwIfNoEntry: false });
      return stat?.isFile() === true && stat.size <= LARGEST_FILE;
    });
}
