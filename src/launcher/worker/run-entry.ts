import Module from 'node:module';
import { resolve } from 'node:path';
import type { SailsApp } from './sails-app';

type Done = (error?: unknown, sails?: SailsApp) => void;
type Lift = (this: SailsApp, config?: Record<string, unknown> | Done, done?: Done) => void;

/** What an entry file does that matters here. */
export interface EntryEvents {
  /** It lifts its app, with these overrides. The first call only; later ones go to Sails. */
  onLift(sails: SailsApp, overrides: Record<string, unknown>, done: Done | undefined): void;
  /** It has nothing more to do and has not lifted an app. */
  onIdle(): void;
}

/** The parts of Node's module loader that let tools run a file as the main module, and see what is loaded. */
interface Loader {
  _load(request: string, ...rest: unknown[]): unknown;
  runMain(): void;
}

interface SailsClass {
  prototype: { lift: Lift };
}

const REMIND_AFTER_MS = 30_000;

/**
 * Runs an app's own entry file in this process as `node file` would, and takes over when it calls `sails.lift()`. Sails is
 * not loaded before the file does it: whatever the file prepares first (tracing, a compiler) works as ever.
 * @param file from the current directory
 */
export function runEntry(file: string, { onLift, onIdle }: EntryEvents): void {
  const loader = Module as unknown as Loader;
  let hasLifted = false;
  interceptLift(loader, function (config, done) {
    if (hasLifted) return false;
    hasLifted = true;
    clearTimeout(reminder);
    process.removeListener('beforeExit', onIdle);
    process.channel?.ref();
    if (typeof config === 'function') onLift(this, {}, config);
    else onLift(this, config ?? {}, done);
    return true;
  });
  const reminder = setTimeout(() => {
    console.error(`flotilla: ${file} has run for ${REMIND_AFTER_MS / 1_000} s and has not called sails.lift() yet`);
  }, REMIND_AFTER_MS).unref();
  // until it lifts, only the file itself keeps the process alive
  process.channel?.unref();
  process.once('beforeExit', onIdle);
  process.argv[1] = resolve(file);
  loader.runMain();
}

/** @param take hears of each lift, and says whether it sees to it */
function interceptLift(loader: Loader, take: (this: SailsApp, ...args: Parameters<Lift>) => boolean): void {
  const load = loader._load;
  loader._load = function (request, ...rest) {
    const loaded = load.call(this, request, ...rest);
    if (isSailsClass(request, loaded)) {
      loader._load = load;
      const { lift } = loaded.prototype;
      loaded.prototype.lift = function (...args) {
        if (!take.apply(this, args)) lift.apply(this, args);
      };
    }
    return loaded;
  };
}

/** Sails loads its class (sails 1.5, lib/app/index.js) before it makes the app object that `require('sails')` gives. */
function isSailsClass(request: string, loaded: unknown): loaded is SailsClass {
  if (!/(^|[\\/])Sails(\.js)?$/.test(request) || typeof loaded !== 'function') return false;
  return typeof (loaded as Partial<SailsClass>).prototype?.lift === 'function';
}
