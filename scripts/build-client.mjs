// Makes the client for browsers out of src/client: dist/client/sails.io.js for a script tag, sails.io.mjs as a module.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const manifest = (path) => JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'));
const { version } = manifest('.');
const banner = `/*! sails-hook-flotilla ${version}: client, MIT. With ${['sails.io.js', 'socket.io-client']
  .map((name) => {
    const { version, license } = manifest(`node_modules/${name}`);
    return `${name} ${version} (${license})`;
  })
  .join(' and ')}; Copyright Mike McNeil; Copyright Guillermo Rauch and Automattic. */`;

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  platform: 'browser',
  target: 'es2020',
  legalComments: 'eof',
  banner: { js: banner },
  logLevel: 'warning',
};
await build({ ...common, entryPoints: ['src/client/script.ts'], format: 'iife', outfile: 'dist/client/sails.io.js' });
await build({ ...common, entryPoints: ['src/client/index.ts'], format: 'esm', outfile: 'dist/client/sails.io.mjs' });

const kilobytes = (statSync(join(root, 'dist/client/sails.io.js')).size / 1_000).toFixed(0);
console.log(`dist/client/sails.io.js: ${kilobytes} kB`);
