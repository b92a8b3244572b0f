import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/free-port';
import { startProgram } from '../../support/program';
import { send } from './http';

/** Whether there is an nginx to test behind. */
export function hasNginx(): boolean {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** nginx in front of a port, with a small pool of kept-open connections to it. */
export async function startNginx(upstreamPort: number) {
  const directory = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
  const port = await freePort();
  const log = join(directory, 'access.log');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${join(directory, kind)};`)
    .join('\n');
  writeFileSync(
    join(directory, 'nginx.conf'),
    `daemon off; master_process off; pid ${join(directory, 'pid')};
     events { worker_connections 1024; }
     http {
       ${temporary}
       log_format line '$status'; access_log ${log} line;
       upstream app { server 127.0.0.1:${upstreamPort}; keepalive 8; }
       server {
         listen 127.0.0.1:${port};
         location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }
       }
     }`,
  );
  const program = startProgram('nginx', ['-e', 'stderr', '-c', join(directory, 'nginx.conf')], { cwd: directory });
  const url = `http://127.0.0.1:${port}`;
  while (!(await send(url).catch(() => undefined))) await new Promise((resolve) => setTimeout(resolve, 20));
  return {
    url,
    /** The status of every request since the start. */
    statuses: () => readFileSync(log, 'utf8').trim().split('\n'),
    stop: async () => {
      await program.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
