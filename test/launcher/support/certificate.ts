import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate for localhost made on the spot: `path` with `.key` and `.crt` after it. */
export function makeCertificate(): { path: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
  const path = join(directory, 'tls');
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-subj', '/CN=localhost', '-keyout', `${path}.key`, '-out', `${path}.crt`],
    ],
    { stdio: 'ignore' },
  );
  return { path, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
