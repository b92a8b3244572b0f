// Finds the programs that the tests need beside Node.js, and says in one line how to get each missing one.
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where `make tools` puts the programs that it builds. */
const BUILT = execFileSync('sh', [join(import.meta.dirname, 'tools.sh'), '--dir'], { encoding: 'utf8' }).trim();

const TOOLS = [
  {
    what: 'a Redis server (redis-server or valkey-server on PATH)',
    names: ['redis-server', 'valkey-server'],
    cure: '`apt-get install redis-server` on Debian, `brew install redis` on macOS',
  },
  {
    what: 'Chromium (chromium or google-chrome on PATH, or its path in CHROMIUM_PATH)',
    names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    elsewhere: [
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
    ],
    variable: 'CHROMIUM_PATH',
    cure: '`apt-get install chromium` on Debian, `brew install --cask chromium` on macOS',
  },
  {
    what: 'openssl, which makes the certificates of the TLS tests',
    names: ['openssl'],
    cure: '`apt-get install openssl` on Debian, `brew install openssl` on macOS',
  },
  {
    what: 'haproxy, which ends TLS in front of two pods in the browser test of sessions',
    names: ['haproxy'],
    cure: '`apt-get install haproxy` on Debian, `brew install haproxy` on macOS',
  },
  {
    what: 'nginx, whose kept-alive connections the launcher is tested behind',
    names: ['nginx'],
    cure: '`apt-get install nginx-light` on Debian, `brew install nginx` on macOS',
  },
  ...['helm', 'helm-unittest', 'kubeconform'].map((name) => ({
    what: `${name}, for the chart`,
    names: [name],
    elsewhere: [join(BUILT, name)],
    cure: '`make tools` builds it where there is Go 1.26 or later',
  })),
];

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ missing: string[], found: Record<string, string> }} one line for each missing tool, and the environment
 *   variables that tell the tests where the others are
 */
export function findTestTools(env = process.env) {
  const missing = [];
  // Behind what is on PATH already.
  const found = { PATH: [env.PATH, BUILT].filter(Boolean).join(delimiter) };
  for (const tool of TOOLS) {
    const path = locate(tool, env);
    if (path === undefined) missing.push(`The tests need ${tool.what}: ${tool.cure}.`);
    else if (tool.variable) found[tool.variable] = path;
  }
  return { missing, found };
}

function locate(tool, env) {
  const named = tool.variable && env[tool.variable];
  if (named) return isExecutable(named) ? named : undefined;
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean);
  const onPath = tool.names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...onPath, ...(tool.elsewhere ?? [])].find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
