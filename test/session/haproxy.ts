import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificate } from '../launcher/support/certificate';
import { runHaproxy } from '../support/haproxy-process';

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
  const certificate = makeCertificate();
  const servers = upstreamPorts.map((upstream, index) => `  server pod${index} 127.0.0.1:${upstream}`);
  const haproxy = await runHaproxy((port, directory) => {
    const pem = join(directory, 'tls.pem');
    const parts = ['crt', 'key'].map((kind) => readFileSync(`${certificate.path}.${kind}`, 'utf8'));
    writeFileSync(pem, parts.join(''));
    return [
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
    ];
  });
  return {
    url: `https://localhost:${haproxy.port}`,
    stop: async () => {
      await haproxy.stop();
      certificate.remove();
    },
  };
}
