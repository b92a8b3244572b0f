import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { LauncherError, messageOf } from '../errors';

/** Files in PEM format, with which pods prove to each other who they are and encrypt what they pass on. */
export interface PeerTlsFiles {
  /** This pod's certificate, for both sides of a connection, with what is between it and the authority. */
  cert: string;
  key: string;
  /** The authority that signs the certificates of the fleet's pods, and nobody else's. */
  ca: string;
}

/** What is in them. */
export type PeerTls = Record<keyof PeerTlsFiles, Buffer>;

/** {@link PeerTlsFiles}, as options give them. */
export interface PeerTlsOptions {
  /** Path of the certificate that this pod shows to others. Default: none, and requests of other pods are not encrypted. */
  peerTlsCert?: string | undefined;
  /** Path of its key. */
  peerTlsKey?: string | undefined;
  /** Path of the certificate of the authority that signs those of all pods. */
  peerTlsCa?: string | undefined;
}

const FLAGS: Record<keyof PeerTlsFiles, string> = {
  cert: 'peerTlsCert (--peer-tls-cert, FLOTILLA_PEER_TLS_CERT)',
  key: 'peerTlsKey (--peer-tls-key, FLOTILLA_PEER_TLS_KEY)',
  ca: 'peerTlsCa (--peer-tls-ca, FLOTILLA_PEER_TLS_CA)',
};

/**
 * Reads which files are to be used, and looks into them.
 * @returns `undefined` where none is given: then there is no TLS between pods
 * @throws LauncherError `E_LAUNCH_SETTING`
 */
export function readPeerTlsFiles(options: PeerTlsOptions): PeerTlsFiles | undefined {
  const { peerTlsCert: cert, peerTlsKey: key, peerTlsCa: ca } = options;
  if (!cert && !key && !ca) return undefined;
  if (!cert || !key || !ca) {
    const missing = (['cert', 'key', 'ca'] as const).filter((name) => !{ cert, key, ca }[name]);
    throw new LauncherError(
      'E_LAUNCH_SETTING',
      `TLS between pods needs certificate, key and authority; there is no ${missing.map((name) => FLAGS[name]).join(' and no ')}.`,
    );
  }
  const files = { cert, key, ca };
  loadPeerTls(files);
  return files;
}

/**
 * Reads the files.
 * @throws LauncherError `E_LAUNCH_SETTING` where one cannot be read, or is not what it should be
 */
export function loadPeerTls(files: PeerTlsFiles): PeerTls {
  const tls = { cert: load(files, 'cert'), key: load(files, 'key'), ca: load(files, 'ca') };
  check(files, ['ca'], { ca: tls.ca });
  check(files, ['cert', 'key'], { cert: tls.cert, key: tls.key });
  return tls;
}

function load(files: PeerTlsFiles, name: keyof PeerTlsFiles): Buffer {
  try {
    return readFileSync(files[name]);
  } catch (error) {
    throw new LauncherError(
      'E_LAUNCH_SETTING',
      `${FLAGS[name]} is ${JSON.stringify(files[name])}, which cannot be read: ${messageOf(error)}.`,
      { cause: error },
    );
  }
}

/** Node ignores an authority that is none; certificate and key it checks itself. */
function check(files: PeerTlsFiles, names: Array<keyof PeerTlsFiles>, contents: Partial<PeerTls>): void {
  try {
    if (contents.ca && !contents.ca.includes('-----BEGIN CERTIFICATE-----')) throw new Error('there is no certificate');
    createSecureContext(contents);
  } catch (error) {
    const given = names.map((name) => `${FLAGS[name]} is ${JSON.stringify(files[name])}`).join(' and ');
    throw new LauncherError(
      'E_LAUNCH_SETTING',
      `${given}, which cannot be used: ${messageOf(error)}. Give files in PEM format, the key being that of the certificate.`,
      { cause: error },
    );
  }
}
