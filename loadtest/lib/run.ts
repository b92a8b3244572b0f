import { pathOf } from './route.ts';
import { requestInSetup, target } from './target.ts';

/** What `setup` hands to every virtual user. */
export interface Run {
  id: string;
}

/** Checks that the app is there and fulfils the contract, and gives this run a name of its own. */
export function beginRun(): Run {
  const id = `${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`;
  const { method, path } = target.routes.members;
  requestInSetup(method, pathOf({ method, path, name: '' }, { room: `loadtest-${id}` }));
  return { id };
}

export function roomName(run: Run, index: number): string {
  return `loadtest-${run.id}-${index}`;
}

/** How many of `count` things fall to number `index`, dealt out in turn over `places`. */
export function shareOf(count: number, index: number, places: number): number {
  return Math.floor((count - 1 - index) / places) + 1;
}

/** A time as k6 options take it. */
export function seconds(ms: number): string {
  return `${Math.ceil(ms / 1000)}s`;
}

/** A scenario in which each virtual user does its part once. A few seconds beyond the longest way it can take are kept for k6 itself. */
export function onceEach(exec: string, vus: number, longestMs: number): PerVuIterations {
  return { executor: 'per-vu-iterations', exec, vus, iterations: 1, maxDuration: seconds(longestMs + 10_000) };
}

interface PerVuIterations {
  executor: 'per-vu-iterations';
  exec: string;
  vus: number;
  iterations: number;
  maxDuration: string;
}
