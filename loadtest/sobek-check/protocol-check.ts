/** Runs the protocol in k6's own engine: packets there and back, a connection with an acknowledgement, bytes. */
import { WebSocket } from 'k6/websockets';
import { decodeBinary, decodePayload, encodeBinary } from '../lib/engine-io-packet.ts';
import { SailsSocket } from '../lib/sails-socket.ts';
import { encodePacket, PacketDecoder, PacketType } from '../lib/socket-io-packet.ts';

interface StubSocket {
  listeners: Record<string, (event: unknown) => void>;
  sent: unknown[];
}

export async function selfCheck(): Promise<void> {
  packetsSurvive();
  payloadsSplit();
  await requestIsAnswered();
}

function packetsSurvive(): void {
  const bytes = new Uint8Array([0, 255, 7]).buffer;
  const { text, attachments } = encodePacket({
    type: PacketType.event,
    namespace: '/admin',
    id: 12,
    data: ['x', { a: bytes, b: [new Uint8Array(0)] }],
  });
  equal(text, '52-/admin,12["x",{"a":{"_placeholder":true,"num":0},"b":[{"_placeholder":true,"num":1}]}]');
  const decoder = new PacketDecoder();
  equal(decoder.text(text), undefined);
  const frames = attachments.map((attachment) => decodeBinary(encodeBinary(attachment, 3), 3));
  equal(decoder.binary(frames[0]?.data as ArrayBuffer), undefined);
  const packet = decoder.binary(frames[1]?.data as ArrayBuffer);
  if (!packet) throw new Error('the packet is not complete after its last bytes');
  equal(packet.id, 12);
  const [, { a }] = packet.data as [string, { a: ArrayBuffer }];
  equal(Array.from(new Uint8Array(a)).join(), '0,255,7');
}

function payloadsSplit(): void {
  equal(decodePayload('0{"sid":"x"}\u001e40', 4).length, 2);
  equal(decodePayload('12:0{"sid":"ä"}2:40', 3).length, 2);
}

async function requestIsAnswered(): Promise<void> {
  const socket = new SailsSocket({ url: 'http://localhost:1337' });
  const connected = socket.connect();
  const wire = (WebSocket as unknown as { last: StubSocket }).last;
  const receive = (data: string) => wire.listeners.message?.({ data });
  receive('0{"sid":"e","pingInterval":1000,"pingTimeout":1000}');
  // The namespace is asked for in a promise's turn.
  await Promise.resolve().then(() => undefined);
  await undefined;
  equal(wire.sent.pop(), '40');
  receive('40{"sid":"s"}');
  await connected;
  receive('2');
  equal(wire.sent.pop(), '3');
  const answer = socket.get('/x');
  equal(wire.sent.pop(), '420["get",{"method":"get","url":"/x","headers":{}}]');
  receive('430[{"body":{"ok":true},"headers":{},"statusCode":200}]');
  equal((await answer).statusCode, 200);
}

function equal(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`expected ${String(expected)}, got ${String(actual)}`);
}
