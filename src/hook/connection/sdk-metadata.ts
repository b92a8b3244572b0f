import type { Socket } from 'socket.io';

/** What a client says of itself. */
export interface SdkMetadata {
  version: string;
  platform: string | undefined;
  language: string | undefined;
}

/** Clients older than sails.io.js 0.10 send no version; they are taken for this one, and refused. */
const UNVERSIONED = '0.9.0';

/** Reads which SDK a client is from the headers or the query of its handshake. Also `sails.getSDKMetadata()`. */
export function readSdkMetadata(handshake: Socket['handshake']): SdkMetadata {
  const read = (name: string) => text(handshake.headers[name]) ?? text(handshake.query[name]);
  return {
    version: read('__sails_io_sdk_version') ?? UNVERSIONED,
    platform: read('__sails_io_sdk_platform'),
    language: read('__sails_io_sdk_language'),
  };
}

function text(value: string | string[] | undefined): string | undefined {
  const first = Array.isArray(value) ? value[0] : value;
  return first === '' ? undefined : first;
}

/** Whether a client speaks the protocol of virtual requests: its SDK is 0.11.0 or later, pre-releases included. */
export function speaksVirtualRequests(version: string): boolean {
  const match = /^v?(\d+)\.(\d+)\.(\d+)(?:[-+].*)?$/.exec(version.trim());
  if (!match) return false;
  const major = Number(match[1]);
  return major > 0 || Number(match[2]) >= 11;
}
