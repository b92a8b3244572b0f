import { describe, expect, it } from 'vitest';
import { isMark, logIdOf, markOf } from '../../dist/bus/recovery/log-mark';
import type { LoggedMessage } from '../../dist/bus/recovery/message-log';
import { MessageLog } from '../../dist/bus/recovery/message-log';
import { formatOffset, isAfter, type Placed, type Position, parseOffset } from '../../dist/bus/recovery/position';
import { SessionRecord } from '../../dist/bus/recovery/session-record';
import { SessionStates } from '../../dist/bus/recovery/session-state';
import { DEFAULT_RECOVERY_SETTINGS } from '../../dist/bus/recovery/settings';
import { SharedLog } from '../../dist/bus/recovery/shared-log';
import { SeededRandom } from './seeded-random';

const markAt = (ms: number, seq = 0) => markOf(`${ms}-${seq}`);

describe('marks', () => {
  it('sort as the ids that they stand for, and give them back', () => {
    const random = new SeededRandom(1);
    const ids = Array.from({ length: 2_000 }, () => {
      const ms = random.below(2) ? 1_732_822_222_222 + random.below(3) : random.below(40);
      return [ms, random.below(3) ? random.below(40) : random.below(2 ** 31)] as const;
    });
    for (const [ms, seq] of ids) {
      expect(logIdOf(markAt(ms, seq))).toBe(`${ms}-${seq}`);
      expect(isMark(markAt(ms, seq))).toBe(true);
    }
    const byId = [...ids].sort(([aMs, aSeq], [bMs, bSeq]) => aMs - bMs || aSeq - bSeq);
    expect(byId.map(([ms, seq]) => markAt(ms, seq))).toEqual(ids.map(([ms, seq]) => markAt(ms, seq)).sort());
  });

  it('are a part of offsets, and nothing else is in their place', () => {
    const position = { origin: 'Ab_-9', seq: 12_345, order: 2 ** 40, mark: markAt(1_732_822_222_222, 77) };
    expect(parseOffset(formatOffset(position))).toEqual(position);
    const text = formatOffset({ origin: 'a', seq: 1, order: 2 });
    for (const part of ['', 'x', '00000000', '000000000', '000000000z0', `${position.mark}0`]) {
      expect(parseOffset(`${text}.${part}`)).toBeUndefined();
    }
  });
});

describe('the epoch in an offset', () => {
  it('is read with and without a mark, and is nothing in offsets of before', () => {
    const position = { origin: 'Ab_-9', seq: 12_345, order: 2 ** 40 };
    const mark = markAt(1_732_822_222_222, 77);
    for (const fields of [{}, { mark }, { epoch: 1 }, { mark, epoch: 40 }]) {
      expect(parseOffset(formatOffset({ ...position, ...fields }))).toEqual({ ...position, ...fields });
    }
    const text = formatOffset(position);
    for (const part of ['~', '~1~1', '~-1', '~1.1', `~1.${mark}`]) expect(parseOffset(text + part)).toBeUndefined();
  });

  it('stays with a position on its way to another hub, and positions of before have none', () => {
    const states = new SessionStates('hub');
    const position = { origin: 'a1', seq: 5, order: 50, hub: 'A', mark: markAt(100) };
    for (const each of [position, { ...position, epoch: 3 }]) {
      expect(states.readPosition(states.writePosition(each))).toEqual(each);
    }
    expect(states.writePosition(position)).toHaveLength(5);
  });
});

describe('a position of another hub', () => {
  const position: Position = { origin: 'a1', seq: 5, order: 50, hub: 'A', mark: markAt(100) };
  const message = (fields: Partial<Placed>): Placed => ({ origin: '', seq: 0, order: 7, ...fields });

  it.each<[string, Placed, boolean]>([
    [
      'what stands in the log up to it, whoever sent it',
      message({ hub: 'C', hubOrder: 900, mark: markAt(100) }),
      false,
    ],
    ['what another hub has sent and stands behind it', message({ hub: 'C', hubOrder: 1, mark: markAt(101) }), true],
    [
      'what its own worker has sent by then',
      message({ hub: 'A', origin: 'a1', seq: 5, hubOrder: 60, mark: markAt(101) }),
      false,
    ],
    [
      'what its own worker has sent later',
      message({ hub: 'A', origin: 'a1', seq: 6, hubOrder: 40, mark: markAt(101) }),
      true,
    ],
    [
      'what its hub had numbered by then',
      message({ hub: 'A', origin: 'a2', seq: 9, hubOrder: 50, mark: markAt(101) }),
      false,
    ],
    [
      'what its hub has numbered later',
      message({ hub: 'A', origin: 'a2', seq: 1, hubOrder: 51, mark: markAt(101) }),
      true,
    ],
    ['what this hub has sent, and is not in the log yet', message({ origin: 'b1', seq: 1 }), true],
  ])('%s: %o', (_name, placed, expected) => {
    expect(isAfter(placed, position)).toBe(expected);
  });
});

describe('a gap in the log', () => {
  it('counts for whoever stands before it or right there, and not for who stands behind', () => {
    const log = { position: '5-0', caughtUp: async () => {}, readBack: async () => [] };
    const shared = new SharedLog(log, 'B');
    expect(shared.isBrokenAfter(markAt(5))).toBe(false);
    shared.broken();
    log.position = '6-0';
    expect([4, 5, 6].map((ms) => shared.isBrokenAfter(markAt(ms)))).toEqual([true, true, false]);
  });
});

describe('a session on its way to another hub', () => {
  it('comes out as it went in, and positions there are positions here on its way back', () => {
    const log = new MessageLog(DEFAULT_RECOVERY_SETTINGS);
    const started = { origin: 'a1', seq: 0, order: 3, mark: markAt(10) };
    const session = new SessionRecord('sid', 'key', started, {
      generation: 2,
      worker: undefined,
      data: { user: 7 },
      binding: 'digest:{}',
      isRepeated: false,
    });
    session.join('stayed', { ...started, order: 4 });
    session.join('left', { ...started, order: 5 });
    session.leave('left', { ...started, order: 6 }, log);
    session.floor = { offset: null, position: { origin: 'c', seq: 0, order: 1, hub: 'C', mark: markAt(9) } };
    const [a, b] = [new SessionStates('A'), new SessionStates('B')];
    const atB = b.read('key', a.write(session), log);
    expect(atB.started).toEqual({ ...started, hub: 'A' });
    expect(atB.rooms).toEqual(['stayed']);
    const back = a.read('key', b.write(atB), log);
    expect(a.write(back)).toEqual(a.write(session));
    expect(back.started).toEqual(started);
    expect(back.floor).toEqual(session.floor);
  });
});

describe('the log in the order of the stream', () => {
  const settings = { ...DEFAULT_RECOVERY_SETTINGS, maxMessages: 3 };
  const message = (room: string, mark?: string) => ({
    origin: '',
    seq: 0,
    rooms: [room],
    except: [],
    payload: new Uint8Array(10),
    ...(mark && { mark, hub: 'C', hubOrder: 1 }),
  });
  const rooms = (messages: Iterable<LoggedMessage>) => [...messages].map(({ rooms: [room] }) => room);

  it('has own messages where they stand in the log, and before that among those on their way', () => {
    const log = new MessageLog(DEFAULT_RECOVERY_SETTINGS);
    log.inLog.begin(markAt(1));
    const own = log.add(message('own'));
    log.inLog.expect(own);
    log.add(message('theirs', markAt(2)));
    expect([rooms(log.inLog.after(markAt(1))), rooms(log.inLog.unlogged)]).toEqual([['theirs'], ['own']]);
    expect(log.inLog.logged(own, markAt(3))).toBe(false);
    expect([rooms(log.inLog.after(markAt(1))), rooms(log.inLog.unlogged)]).toEqual([['theirs', 'own'], []]);
  });

  it('tells of messages that never got there', () => {
    const log = new MessageLog(DEFAULT_RECOVERY_SETTINGS);
    const [lost, own] = [log.add(message('lost')), log.add(message('own'))];
    for (const each of [lost, own]) log.inLog.expect(each);
    expect(log.inLog.logged(own, markAt(3))).toBe(true);
    expect(rooms(log.inLog.after(markAt(1)))).toEqual(['own']);
  });

  it('remembers what it has dropped, also before it was in the log', () => {
    const log = new MessageLog(settings);
    const own = log.add(message('own'));
    log.inLog.expect(own);
    for (const ms of [2, 3, 4]) log.add(message('busy', markAt(ms)));
    expect(log.inLog.lastDropped('own') > markAt(2 ** 40)).toBe(true);
    log.inLog.logged(own, markAt(5));
    expect(log.inLog.lastDropped('own')).toBe(markAt(5));
    for (const ms of [6, 7]) log.add(message('other', markAt(ms)));
    expect([log.inLog.lastDropped('busy'), log.inLog.lastDropped('quiet')]).toEqual([markAt(3), '']);
  });

  it('takes earlier messages, as many as there is room for, and remembers the rest', () => {
    const log = new MessageLog(settings);
    log.inLog.begin(markAt(10));
    log.add(message('new', markAt(11)));
    const earlier = ['one', 'two', 'three'].map((room, index) => ({
      ...message(room, markAt(5 + index)),
      at: performance.now(),
    }));
    log.addEarlier(earlier, markAt(4));
    expect(rooms(log.inLog.after(markAt(4)))).toEqual(['two', 'three', 'new']);
    expect([log.inLog.since, log.inLog.lastDropped('one'), log.inLog.lastDropped('two')]).toEqual([
      markAt(4),
      markAt(5),
      '',
    ]);
    expect(rooms(log.after(0))).toEqual(['new']);
  });
});
