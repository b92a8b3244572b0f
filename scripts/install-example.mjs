// Installs the packages of the example. Of their scripts only that of the database runs: npm would also run `prepare` of
// this package, which writes dist/ anew under whoever runs from it meanwhile.
import { spawnSync } from 'node:child_process';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';

const EXAMPLE = join(import.meta.dirname, '../examples/live-counter');
const INSTALLED = join(EXAMPLE, 'node_modules/.package-lock.json');

npm('ci', '--ignore-scripts', '--loglevel=error');
// Its age tells make and the tests whether everything is there: what breaks off from here on is begun anew.
utimesSync(INSTALLED, 0, 0);
npm('rebuild', 'better-sqlite3', '--loglevel=error');
utimesSync(INSTALLED, new Date(), new Date());

function npm(...args) {
  const { status } = spawnSync('npm', args, { cwd: EXAMPLE, stdio: 'inherit' });
  if (status !== 0) {
    console.error(
      'The example could not be installed (see above). To compile its database takes python3, make and a C++ compiler.',
    );
    process.exit(1);
  }
}
