import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../dist/bus/codec';
import { LinkEnvelope } from '../../dist/bus/link/envelope';
import { joinParts, splitParts } from '../../dist/bus/payload';
import { toPlainData } from '../../dist/bus/plain-data';
import { type Message, MessageKind, PROTOCOL_VERSION } from '../../dist/bus/protocol';
import { markOf } from '../../dist/bus/recovery/log-mark';
import { FrameReader } from '../../dist/bus/transport/frames';
import { SeededRandom } from './seeded-random';

const workerRow = { number: 1, tag: 'AB', pid: 7, sockets: 3, startedAt: 1, version: '1.0.0' };

const samples: Message[] = [
  { kind: MessageKind.Hello, uid: 'u', role: 'worker', pid: 1, number: 2, tag: 'AC', startedAt: 3, version: '1' },
  { kind: MessageKind.Welcome, podTag: 'abcd', podName: 'pod' },
  { kind: MessageKind.Interest, nsp: '/', room: 'räume ✓', on: true, seq: 4 },
  { kind: MessageKind.Confirm, seq: 4 },
  {
    kind: MessageKind.Broadcast,
    from: 'u',
    nsp: '/',
    rooms: ['a', '__proto__'],
    except: ['b'],
    flags: { volatile: true },
    payload: joinParts(['2["x"]', Buffer.from([0, 255])]),
  },
  {
    kind: MessageKind.Broadcast,
    from: 'u',
    nsp: '/',
    rooms: [],
    except: [],
    flags: {},
    packet: { type: 2, data: ['x', Buffer.from([1])] },
  },
  {
    kind: MessageKind.Broadcast,
    from: 'u',
    nsp: '/',
    rooms: ['a'],
    except: [],
    flags: {},
    seq: 3,
    order: 2 ** 40,
    origin: 'o',
    reached: markOf('1732822222222-3'),
    payload: joinParts(['2["x"]']),
  },
  {
    kind: MessageKind.Ask,
    id: 'u:1',
    from: 'u',
    nsp: '/',
    question: { name: 'join', rooms: ['r'] },
    target: { rooms: [], except: [], ids: ['i'] },
    deadlineMs: 5,
  },
  { kind: MessageKind.Part, id: 'u:1', from: 'v', part: { count: 2 } },
  { kind: MessageKind.Answer, id: 'u:1', from: 'v', answers: [1, { a: Buffer.from([9]) }], silent: ['pod/2'] },
  { kind: MessageKind.Call, id: 1, service: 'session', method: 'get', args: ['sid', null] },
  { kind: MessageKind.Result, id: 1, value: { a: 1 } },
  { kind: MessageKind.Stats, sockets: 9 },
  { kind: MessageKind.Members, others: 2 },
  {
    kind: MessageKind.Heartbeat,
    pod: { name: 'p', tag: 'abcd', state: 'up', version: '1', lastSeen: 1, workers: [workerRow] },
    greeting: false,
  },
  { kind: MessageKind.LinkChange, up: false },
  { kind: MessageKind.LogReached, mark: markOf('1732822222222-3') },
  { kind: MessageKind.SessionAsk, id: 'i', hub: 'h', nsp: '/', key: 'k', generation: 2, offset: null },
  { kind: MessageKind.SessionAnswer, id: 'i', reason: 'trimmed' },
  { kind: MessageKind.Unstored, nsp: '/', epoch: 3, sids: ['s'] },
  {
    kind: MessageKind.SessionAnswer,
    id: 'i',
    session: {
      state: {
        sid: 's',
        openedAt: 1,
        generation: 2,
        started: ['o', 0, 1, 'h', null],
        origins: [['o', 'h']],
        stays: [['r', [[['o', 0, 1, 'h', markOf('5-0')]]]]],
        data: { photo: Buffer.from([1]) },
        binding: 'b',
        isRepeated: false,
        floor: null,
      },
      from: ['o', 1, 2, 'h', markOf('6-0')],
      own: [Buffer.from([1, 2])],
    },
  },
];

describe('the codec', () => {
  it.each(samples.map((message) => [MessageKind[message.kind], message]))(
    'brings %s through unchanged',
    (_name, message) => {
      expect(decodeMessage(encodeMessage(message))).toEqual(message);
    },
  );

  it('tells an unknown version from a malformed message', () => {
    const body = encodeMessage({ kind: MessageKind.Confirm, seq: 1 });
    body[0] = PROTOCOL_VERSION + 1;
    expect(decodeMessage(body)).toBe('unknown-version');
    expect(decodeMessage(Buffer.alloc(0))).toBe('malformed');
    expect(decodeMessage(encodeMessage({ kind: 99 } as unknown as Message))).toBe('malformed');
  });

  it('refuses messages whose fields have the wrong types', () => {
    const wrong: unknown[] = [
      { kind: MessageKind.Confirm, seq: 'one' },
      { kind: MessageKind.Interest, nsp: '/', room: {}, on: true, seq: 1 },
      {
        kind: MessageKind.Broadcast,
        from: 'u',
        nsp: '/',
        rooms: 'all',
        except: [],
        flags: {},
        packet: { type: 2, data: [] },
      },
      { kind: MessageKind.Broadcast, from: 'u', nsp: '/', rooms: [], except: [], flags: {} },
      {
        kind: MessageKind.Ask,
        id: 'i',
        from: 'u',
        nsp: '/',
        question: { name: 'constructor' },
        target: { rooms: [], except: [] },
        deadlineMs: 1,
      },
      { kind: MessageKind.Hello, uid: 'u', role: 'king', pid: 1, number: 2, tag: 'AC', startedAt: 3, version: '1' },
    ];
    for (const message of wrong) expect(decodeMessage(encodeMessage(message as Message))).toBe('malformed');
  });

  it('never throws and never invents a message, whatever the bytes', () => {
    const seed = Date.now() >>> 0;
    for (const current of [1, 2, 3, seed]) {
      const random = new SeededRandom(current);
      for (let round = 0; round < 4_000; round++) {
        const body = mutate(random, encodeMessage(random.pick(samples)));
        try {
          const decoded = decodeMessage(body);
          // What decodes is complete enough to be encoded again.
          if (typeof decoded === 'object') encodeMessage(decoded);
          splitParts(body);
        } catch (error) {
          throw new Error(`seed ${current}, round ${round}: ${body.toString('hex')}`, { cause: error });
        }
      }
    }
  });
});

describe('the frames of the local transport', () => {
  it('come out whole however the stream is cut', () => {
    const random = new SeededRandom(7);
    const bodies = Array.from({ length: 200 }, () => Buffer.alloc(random.below(3_000), random.below(256)));
    const stream = Buffer.concat(bodies.flatMap((body) => [lengthOf(body), body]));
    const received: Buffer[] = [];
    const reader = new FrameReader((body) => received.push(Buffer.from(body)), 1_000_000);
    for (let offset = 0; offset < stream.length; ) {
      const end = offset + 1 + random.below(5_000);
      expect(reader.push(stream.subarray(offset, end))).toBe(true);
      offset = end;
    }
    expect(received).toEqual(bodies);
  });

  it('refuse a length that no message has', () => {
    const reader = new FrameReader(() => undefined, 1_000);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(2_000);
    expect(reader.push(length)).toBe(false);
  });
});

describe('the envelope of a link', () => {
  const origin = { hub: 'abcdefghijkl', podTag: 'wxyz' };
  const body = Buffer.from('body');

  it('names its origin', () => {
    const envelope = new LinkEnvelope(origin);
    expect(envelope.unwrap('channel', envelope.wrap('channel', body))).toEqual({ origin, body });
  });

  it('takes only what is signed, for this channel, with a secret that is accepted', () => {
    const old = new LinkEnvelope(origin, ['old']);
    const both = new LinkEnvelope(origin, ['new', 'old']);
    const signed = old.wrap('channel', body);
    expect(both.unwrap('channel', signed)).toEqual({ origin, body });
    expect(both.unwrap('other', signed)).toBe('bad-signature');
    expect(new LinkEnvelope(origin, ['new']).unwrap('channel', signed)).toBe('bad-signature');
    expect(both.unwrap('channel', new LinkEnvelope(origin).wrap('channel', body))).toBe('bad-signature');
    const forged = Buffer.from(signed);
    forged[forged.length - 1] = 0;
    expect(both.unwrap('channel', forged)).toBe('bad-signature');
    // Signing can be switched on pod by pod: one without a secret takes what others sign.
    expect(new LinkEnvelope(origin).unwrap('channel', signed)).toEqual({ origin, body });
  });

  it('never throws, whatever the bytes', () => {
    const envelope = new LinkEnvelope(origin, ['secret']);
    const random = new SeededRandom(3);
    for (let round = 0; round < 2_000; round++) {
      const result = envelope.unwrap('channel', mutate(random, envelope.wrap('channel', body)));
      if (typeof result === 'object') expect(result).toEqual({ origin, body });
    }
    expect(envelope.unwrap('channel', Buffer.alloc(3))).toBe('malformed');
  });
});

describe('plain data', () => {
  it('keeps what JSON keeps, and bytes', () => {
    const cycle: Record<string, unknown> = { a: 1 };
    cycle.self = cycle;
    expect(toPlainData({ date: new Date(0), none: undefined, fn: () => 1, list: [undefined, 1] })).toEqual({
      date: '1970-01-01T00:00:00.000Z',
      list: [null, 1],
    });
    expect(toPlainData(cycle)).toEqual({ a: 1 });
    expect(toPlainData(new Uint8Array([1, 2]).subarray(1))).toEqual(Buffer.from([2]));
    expect(toPlainData(new Uint8Array([3]).buffer)).toEqual(Buffer.from([3]));
    expect(toPlainData({ toJSON: () => ({ b: Buffer.from([4]) }) })).toEqual({ b: Buffer.from([4]) });
  });

  it('gives nobody a prototype', () => {
    const plain = toPlainData(JSON.parse('{"__proto__": {"admin": true}}')) as { admin?: boolean };
    expect(plain.admin).toBeUndefined();
  });
});

function mutate(random: SeededRandom, bytes: Buffer): Buffer {
  const result = Buffer.from(bytes.subarray(0, random.next() < 0.2 ? random.below(bytes.length + 1) : bytes.length));
  const changes = random.below(6);
  for (let change = 0; change < changes && result.length > 0; change++)
    result[random.below(result.length)] = random.below(256);
  return result;
}

function lengthOf(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return length;
}
