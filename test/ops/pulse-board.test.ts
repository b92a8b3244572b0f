import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PulseBoard } from '../../dist/launcher/ops/pulse-board';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

// two pods under a storm of reconnects became unready together, and the proxy had nobody left
test('a worker that is heard lives, though each of its answers comes too late; one that says nothing is silent', async () => {
  const busy = { state: 'ready', readyAt: Date.now(), heardAt: Date.now() };
  const blocked = { ...busy };
  const nobodyAnswersInTime = { askAll: async () => [] };
  const board = new PulseBoard(
    { readyWorkers: [busy, blocked] } as never,
    nobodyAnswersInTime as never,
    () => (busy.heardAt = Date.now()),
  );
  board.start();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(board.silentForMs(busy as never)).toBeLessThan(10_000);
  expect(board.silentForMs(blocked as never)).toBe(60_000);
  board.close();
});
