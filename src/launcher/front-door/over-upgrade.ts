import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** RFC 6455, 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** An unmasked close frame with status 1000, a normal end. */
const CLOSE_FRAME = Buffer.from([0x88, 0x02, 0x03, 0xe8]);
/** How long a client may take to close its side. */
const PATIENCE_MS = 2_000;

/**
 * The answer to an upgrade whose session is over: a websocket that is closed at once, as a poll of such a session gets a
 * close packet. A client that upgrades goes on polling then, and hears there that its session is over; a 400 would be an
 * error to every proxy in between.
 * @param key the client's `Sec-WebSocket-Key`; without one it did not ask for a websocket
 */
export function overUpgradeResponse(key: string | undefined): Buffer {
  if (key === undefined) return badRequest();
  const accept = createHash('sha1')
    .update(key + WEBSOCKET_GUID)
    .digest('base64');
  const head = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    '',
    '',
  ].join('\r\n');
  return Buffer.concat([Buffer.from(head, 'latin1'), CLOSE_FRAME]);
}

/** Answers an upgrade so, on its own connection. */
export function answerOverUpgrade({ headers }: IncomingMessage, socket: Socket): void {
  socket.on('error', () => socket.destroy());
  const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.end(overUpgradeResponse(headers['sec-websocket-key']));
  // closing with unread bytes would reset the connection before the client has read
  socket.resume();
}

/** The key in a request's head, as it came. */
export function websocketKeyIn(head: Uint8Array): string | undefined {
  const text = Buffer.from(head).toString('latin1').split('\r\n\r\n', 1)[0] ?? '';
  return /^sec-websocket-key:[ \t]*(\S+)/im.exec(text)?.[1];
}

function badRequest(): Buffer {
  const body = JSON.stringify({ code: 1, message: 'Session ID unknown' });
  return Buffer.from(
    [
      'HTTP/1.1 400 Bad Request',
      'Connection: close',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
  );
}
