import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file of the page. */
export interface PageFile {
  type: string;
  body: Buffer;
}

/** Shipped as they are written: the browser runs them without a build. */
const FOLDER = join(__dirname, '..', '..', '..', 'src', 'launcher', 'ops', 'page');

const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

const FILES = [
  'index.html',
  'page.css',
  'main.js',
  'api.js',
  'element.js',
  'format.js',
  'plots.js',
  'overview.js',
  'rooms.js',
  'icon.svg',
];

/** The page's files by their paths. */
export function loadPage(): Map<string, PageFile> {
  const files = new Map<string, PageFile>();
  for (const name of FILES) {
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'text/plain';
    files.set(name === 'index.html' ? '/' : `/${name}`, { type, body: readFileSync(join(FOLDER, name)) });
  }
  return files;
}

/** Nothing but the page's own files and this server's answers. */
export const PAGE_HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
};
