import { describe, it } from 'vitest';
import { compareHistories } from './fast-lane-histories';

describe('what clients see is the same as with the in-memory adapter', () => {
  it.each([1, Math.floor(Math.random() * 2 ** 32)])('seed %d', (seed) => compareHistories(seed, 12));

  it('where nothing is written past the streams', () => compareHistories(3, 8, { throughStreams: true }));

  it('with the oldest Engine.IO', () => compareHistories(2, 8, { engine: 'oldest' }));
});
