import { rmSync, statSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import { codeOf, LauncherError, messageOf } from '../errors';
import type { PublicAddress, SettingsDocument } from '../settings-document';

/** What decides where the listener is bound: the command line comes before the app's config. */
export interface ListenOverrides {
  port: number | undefined;
  host: string | undefined;
}

/**
 * Binds a server where the app and the command line want it.
 * @throws LauncherError `E_PORT_BUSY`, `E_LISTEN`
 */
export async function listen(
  server: Server,
  document: SettingsDocument,
  overrides: ListenOverrides,
): Promise<PublicAddress> {
  const port = overrides.port ?? document.port;
  const host = overrides.host ?? document.explicitHost ?? undefined;
  if (typeof port === 'string') removeStaleSocket(port);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(typeof port === 'string' ? { path: port } : { port, ...(host ? { host } : {}) }, () => {
        server.removeListener('error', reject);
        resolve();
      });
    });
  } catch (error) {
    throw listenError(error, port, host);
  }
  return describe(server, document.tls);
}

/** A local socket that a process left behind when it was killed. */
function removeStaleSocket(path: string): void {
  if (process.platform === 'win32') return;
  if (statSync(path, { throwIfNoEntry: false })?.isSocket()) rmSync(path);
}

function listenError(error: unknown, port: number | string, host: string | undefined): LauncherError {
  const where = host ? `${host}:${port}` : `port ${port}`;
  if (codeOf(error) === 'EADDRINUSE') {
    return new LauncherError(
      'E_PORT_BUSY',
      `${where} is taken by another process: end it, or choose another port with --port.`,
      { cause: error },
    );
  }
  return new LauncherError(
    'E_LISTEN',
    `Cannot listen on ${where}: ${messageOf(error)}. Check --port and --host (sails.config.port and explicitHost).`,
    { cause: error },
  );
}

function describe(server: Server, tls: boolean): PublicAddress {
  const address = server.address() as AddressInfo | string;
  if (typeof address === 'string') return { port: address, address, family: 'unix', url: address };
  const everywhere = address.address === '::' || address.address === '0.0.0.0';
  const literal = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  const host = everywhere ? 'localhost' : literal;
  return { ...address, url: `${tls ? 'https' : 'http'}://${host}:${address.port}` };
}
