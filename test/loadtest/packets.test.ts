import { describe, expect, it } from 'vitest';
import { backoffMs } from '../../loadtest/lib/backoff';
import { DeliveryAudit } from '../../loadtest/lib/delivery-audit';
import { decodeBinary, decodePayload, decodeText, encodeBinary, encodeText } from '../../loadtest/lib/engine-io-packet';
import { encodePacket, PacketDecoder, PacketType } from '../../loadtest/lib/socket-io-packet';

describe('Engine.IO packets', () => {
  it('reads and writes text packets', () => {
    expect(decodeText('4hello')).toEqual({ type: 'message', data: 'hello' });
    expect(decodeText('2')).toEqual({ type: 'ping', data: '' });
    expect(decodeText('9?')).toBeUndefined();
    expect(decodeText('')).toBeUndefined();
    expect(encodeText('ping', 'probe')).toBe('2probe');
  });

  it('puts the type before bytes in protocol 3 only', () => {
    const bytes = new Uint8Array([1, 2]).buffer;
    expect([...new Uint8Array(encodeBinary(bytes, 3))]).toEqual([4, 1, 2]);
    expect(encodeBinary(bytes, 4)).toBe(bytes);
    expect(decodeBinary(new Uint8Array([4, 1, 2]).buffer, 3)).toEqual({ type: 'binary', data: bytes });
    expect(decodeBinary(new Uint8Array([9, 1]).buffer, 3)).toBeUndefined();
  });

  it('splits polling payloads of several packets, by separator and by length', () => {
    expect(decodePayload('0{}\u001e40\u001e2', 4).map(({ type }) => type)).toEqual(['open', 'message', 'ping']);
    expect(decodePayload('12:0{"sid":"€"}2:40', 3)).toEqual([
      { type: 'open', data: '{"sid":"€"}' },
      { type: 'message', data: '0' },
    ]);
  });
});

describe('Socket.IO packets', () => {
  const decode = (text: string) => new PacketDecoder().text(text);

  it('C29: reads an acknowledgement number with and without a namespace', () => {
    expect(decode('31[{"a":1}]')).toEqual({ type: PacketType.ack, namespace: '/', id: 1, data: [{ a: 1 }] });
    expect(decode('3/admin,45[]')).toEqual({ type: PacketType.ack, namespace: '/admin', id: 45, data: [] });
    expect(decode('2["7",7]')).toEqual({ type: PacketType.event, namespace: '/', data: ['7', 7] });
  });

  it('reads a namespace without anything after it, and with a query', () => {
    expect(decode('0/admin')).toEqual({ type: PacketType.connect, namespace: '/admin' });
    expect(decode('0/admin?token=1,')).toEqual({ type: PacketType.connect, namespace: '/admin' });
  });

  it('C29: puts binary events together again, nested and empty ones too', () => {
    const a = new Uint8Array([0, 255]).buffer;
    const { text, attachments } = encodePacket({
      type: PacketType.ack,
      namespace: '/x',
      id: 3,
      data: [{ a, list: [new Uint8Array(0), 'text'] }],
    });
    expect(text).toBe('62-/x,3[{"a":{"_placeholder":true,"num":0},"list":[{"_placeholder":true,"num":1},"text"]}]');
    const decoder = new PacketDecoder();
    expect(decoder.text(text)).toBeUndefined();
    expect(decoder.binary(attachments[0] as ArrayBuffer)).toBeUndefined();
    expect(decoder.binary(attachments[1] as ArrayBuffer)).toEqual({
      type: PacketType.ack,
      namespace: '/x',
      id: 3,
      data: [{ a, list: [new ArrayBuffer(0), 'text'] }],
    });
  });

  it('refuses what is no packet', () => {
    expect(() => decode('9[]')).toThrow(SyntaxError);
    expect(() => decode('2["unfinished"')).toThrow(SyntaxError);
    expect(() => new PacketDecoder().binary(new ArrayBuffer(1))).toThrow(SyntaxError);
  });
});

describe('the account of a subscriber', () => {
  it('tells missing, duplicate and out of order apart', () => {
    const audit = new DeliveryAudit();
    for (const sequence of [1, 2, 2, 5, 4, 7]) audit.receive(sequence);
    expect(audit.reconcile(8)).toEqual({ expected: 8, received: 5, missing: 3, duplicate: 1, outOfOrder: 1 });
  });

  it('does not expect what nobody knows to have been sent', () => {
    const audit = new DeliveryAudit();
    for (const sequence of [1, 3]) audit.receive(sequence);
    expect(audit.reconcile(4, [2, 3])).toEqual({ expected: 2, received: 1, missing: 1, duplicate: 0, outOfOrder: 0 });
  });
});

describe('the delay before a reconnect', () => {
  it('doubles up to its limit, more or less by chance', () => {
    const options = { minMs: 1000, maxMs: 5000, jitter: 0.5 };
    expect([0, 1, 2, 3, 9].map((attempt) => backoffMs(attempt, options, () => 0.5))).toEqual([
      1000, 2000, 4000, 5000, 5000,
    ]);
    expect(backoffMs(0, options, () => 0)).toBe(500);
    expect(backoffMs(0, options, () => 1)).toBe(1500);
  });
});
