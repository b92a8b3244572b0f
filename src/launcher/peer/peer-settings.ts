import { isIP } from 'node:net';
import { LauncherError } from '../errors';

export const DEFAULT_PEER_PORT = 9091;

/** Where a pod takes requests of other pods. */
export interface PeerSettings {
  /** The interface to listen on. */
  host: string;
  port: number;
  /** What the other pods are told to connect to. */
  address: string;
}

/** What decides it: `--peer-host` and `--peer-port`. */
export interface PeerOptions {
  peerHost?: string | undefined;
  peerPort?: number | undefined;
}

/**
 * Reads where this pod takes requests of other pods: on `FLOTILLA_POD_IP`, or on `peerHost` where that is given.
 * @returns `undefined` where nothing says on which address: then nothing is listened on
 * @throws LauncherError `E_LAUNCH_SETTING`
 */
export function readPeerSettings(
  { peerHost, peerPort }: PeerOptions,
  env: NodeJS.ProcessEnv = process.env,
): PeerSettings | undefined {
  const podIp = readPodIp(env.FLOTILLA_POD_IP);
  const host = peerHost === undefined ? podIp : bare(peerHost);
  const address = podIp ?? host;
  if (host === undefined || address === undefined) {
    if (peerPort === undefined) return undefined;
    throw bad(
      `peerPort is ${peerPort}, but nothing says on which address to listen for other pods: set FLOTILLA_POD_IP or --peer-host, or leave --peer-port (FLOTILLA_PEER_PORT) out.`,
    );
  }
  if (isEverywhere(address)) {
    throw bad(
      `peerHost is ${address}, which other pods cannot connect to: set FLOTILLA_POD_IP to the address of this pod.`,
    );
  }
  const port = peerPort ?? DEFAULT_PEER_PORT;
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return { host, port, address };
  throw bad(`peerPort is ${port}; it must be a whole number from 0 to 65535.`);
}

function readPodIp(value: string | undefined): string | undefined {
  const podIp = bare(value?.trim() ?? '');
  if (podIp === '') return undefined;
  if (isIP(podIp) && !isEverywhere(podIp)) return podIp;
  throw bad(
    `FLOTILLA_POD_IP is ${JSON.stringify(value)}; it must be the IPv4 or IPv6 address at which other pods reach this one.`,
  );
}

/** An IPv6 address may come in brackets, as in URLs. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

function isEverywhere(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function bad(message: string): LauncherError {
  return new LauncherError('E_LAUNCH_SETTING', message);
}
