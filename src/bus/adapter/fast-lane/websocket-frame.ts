const FINAL_TEXT = 0x81;
const SIXTEEN_BIT_LENGTH = 126;
const SIXTY_FOUR_BIT_LENGTH = 127;

/** A text message of a websocket server as one unmasked, uncompressed frame (RFC 6455, section 5.2), header included. */
export function websocketTextFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const headerBytes = length < SIXTEEN_BIT_LENGTH ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerBytes + length);
  frame[0] = FINAL_TEXT;
  if (headerBytes === 2) {
    frame[1] = length;
  } else if (headerBytes === 4) {
    frame[1] = SIXTEEN_BIT_LENGTH;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = SIXTY_FOUR_BIT_LENGTH;
    frame.writeUInt32BE(Math.floor(length / 2 ** 32), 2);
    frame.writeUInt32BE(length % 2 ** 32, 6);
  }
  frame.write(text, headerBytes, length, 'utf8');
  return frame;
}
