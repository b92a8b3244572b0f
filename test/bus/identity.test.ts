import { describe, expect, it } from 'vitest';
import { ChannelMerge } from '../../dist/bus/hub/channel-merge';
import { podTagOf } from '../../dist/bus/identity';
import { generateOwnedId, parseOwner } from '../../dist/bus/ids';
import { MessageKind } from '../../dist/bus/protocol';

describe('the tag of a pod', () => {
  it('differs between machines, also where their paths are the same, as in replicas of one container', () => {
    const path = '/tmp/flotilla-0/app.sock';
    expect(podTagOf(path, 'app-6f7d-x1')).not.toBe(podTagOf(path, 'app-6f7d-x2'));
    expect(podTagOf(path)).toBe(podTagOf(path));
  });

  it('is read back from an id', () => {
    const pod = podTagOf('/run/hub.sock');
    expect(parseOwner(generateOwnedId({ pod, worker: 'AB' }))).toEqual({ pod, worker: 'AB' });
  });
});

describe('what puts messages of one sender in order', () => {
  it('is given back when the sender has been silent for a minute', () => {
    const merge = new ChannelMerge(
      () => [],
      () => undefined,
      () => undefined,
    );
    const message = { kind: MessageKind.Broadcast, from: 'x', nsp: '/', rooms: ['a'], except: [], flags: {} } as const;
    merge.receive('a', { ...message, rooms: [...message.rooms], except: [] }, Buffer.alloc(0));
    expect(merge.isIdle(performance.now() + 30_000)).toBe(false);
    expect(merge.isIdle(performance.now() + 61_000)).toBe(true);
    merge.close();
  });
});
