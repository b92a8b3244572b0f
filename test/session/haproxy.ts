import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificate } from '../launcher/support/certificate';
import { freePort } from '../support/free-port';
import { startProgram } from '../support/program';

/** Whether there is a haproxy to test behind. */
export function hasHaproxy(): boolean {
  try {
    execFileSync('haproxy', ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** haproxy that ends TLS in front of several ports, each request to the next of them. */
export async function startHaproxy(upstreamPorts: number[]) {
  const directory = mkdtempSync(join(tmpdir(), 'flotilla-haproxy-'));
  const certificate = makeCertificate();
  const port = await freePort();
  const pem = join(directory, 'tls.pem');
  writeFileSync(pem, readFileSync(`${certificate.path}.crt`, 'utf8') + readFileSync(`${certificate.path}.key`, 'utf8'));
  const servers = upstreamPorts.map((upstream, index) => `  server pod${index} 127.0.0.1:${upstream}`);
  writeFileSync(
    join(directory, 'haproxy.cfg'),
    [
      'global',
      '  maxconn 200',
      'defaults',
      '  mode http',
      '  timeout connect 5s',
      '  timeout client 60s',
      '  timeout server 60s',
      '  timeout tunnel 60s',
      'frontend tls',
      `  bind 127.0.0.1:${port} ssl crt ${pem}`,
      '  http-request set-header X-Forwarded-Proto https',
      '  default_backend pods',
      'backend pods',
      '  balance roundrobin',
      '  option forwardfor',
      ...servers,
      '',
    ].join('\n'),
  );
  const program = startProgram('haproxy', ['-db', '-f', join(directory, 'haproxy.cfg')], { cwd: directory });
  while (!(await accepts(port))) await new Promise((resolve) => setTimeout(resolve, 20));
  return {
    url: `https://localhost:${port}`,
    stop: async () => {
      await program.stop();
      certificate.remove();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
