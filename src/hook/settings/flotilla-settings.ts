import { inspect } from 'node:util';
import { HookError } from '../errors';

/** `sails.config.flotilla`: what this package adds to the settings of sails-hook-sockets. */
export interface FlotillaSettings {
  /**
   * How long a virtual response waits at most for the joins of its request to be effective everywhere, in
   * milliseconds. Default 1000; 0 never waits.
   */
  holdResponseMs?: number;
  /**
   * How long `sails.lower()` waits at most for virtual requests in flight and for `afterDisconnect`, in milliseconds.
   * Default 1000.
   */
  lowerTimeoutMs?: number;
}

export const DEFAULT_FLOTILLA_SETTINGS: Required<FlotillaSettings> = { holdResponseMs: 1_000, lowerTimeoutMs: 1_000 };

/** Throws `E_FLOTILLA_SETTING` for a setting that is unknown or has an impossible value. */
export function validateFlotillaSettings(settings: unknown): Required<FlotillaSettings> {
  if (settings === undefined) return { ...DEFAULT_FLOTILLA_SETTINGS };
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) {
    throw settingError(
      'sails.config.flotilla',
      settings,
      'Give an object of settings, or remove it (config/flotilla.js).',
    );
  }
  const known = Object.keys(DEFAULT_FLOTILLA_SETTINGS);
  for (const [name, value] of Object.entries(settings)) {
    if (!known.includes(name)) {
      throw settingError(
        `sails.config.flotilla.${name}`,
        value,
        `There is no such setting; the known ones are ${known.join(', ')}.`,
      );
    }
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      throw settingError(`sails.config.flotilla.${name}`, value, 'Give a number of milliseconds, 0 or more.');
    }
  }
  return { ...DEFAULT_FLOTILLA_SETTINGS, ...settings };
}

function settingError(name: string, value: unknown, cure: string): HookError {
  return new HookError('E_FLOTILLA_SETTING', `\`${name}\` is invalid: got ${inspect(value, { depth: 1 })}. ${cure}`);
}
