import { describe, it } from 'vitest';
import { compareHistories } from './fast-lane-histories';

const freshSeed = () => Math.floor(Math.random() * 2 ** 32);

describe('what clients see is the same as with the in-memory adapter', () => {
  it.each([11, freshSeed()])('seed %d', (seed) => compareHistories(seed, 50));

  it.each([freshSeed()])('with the oldest Engine.IO, seed %d', (seed) =>
    compareHistories(seed, 30, { engine: 'oldest' }),
  );

  it.each([freshSeed()])('with compression, seed %d', (seed) =>
    compareHistories(seed, 20, { options: { perMessageDeflate: { threshold: 0 } } }),
  );
});
