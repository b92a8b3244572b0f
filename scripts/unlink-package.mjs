// For the image: makes the app in the current directory forget a `file:` link to this package, in package.json and in the lock file, so
// that it can be installed from an archive and everything else stays as locked.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const NAME = 'sails-hook-flotilla';

edit('package.json', (app) => {
  delete app.dependencies?.[NAME];
});
edit('package-lock.json', ({ packages }) => {
  delete packages['']?.dependencies?.[NAME];
  const link = packages[`node_modules/${NAME}`];
  if (!link?.link) return;
  delete packages[link.resolved];
  delete packages[`node_modules/${NAME}`];
});

function edit(file, change) {
  if (!existsSync(file)) throw new Error(`${process.cwd()} has no ${file}: run npm install there`);
  const content = JSON.parse(readFileSync(file, 'utf8'));
  change(content);
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
}
