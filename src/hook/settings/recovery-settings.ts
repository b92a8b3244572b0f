import { inspect } from 'node:util';
import { DEFAULT_RECOVERY_SETTINGS, type RecoverySettings } from '../../bus/recovery/settings';
import type { SailsApp } from '../../types/sails';
import { SocketsConfigError } from '../errors';

const NAMES = Object.keys(DEFAULT_RECOVERY_SETTINGS) as Array<keyof RecoverySettings>;

/**
 * Checks `sails.config.sockets.connectionStateRecovery`.
 * @throws SocketsConfigError `E_SOCKETS_CONFIG`
 */
export function validateRecoverySettings({ config }: SailsApp): void {
  const given: unknown = config.sockets.connectionStateRecovery;
  if (given === undefined || given === null || typeof given === 'boolean') return;
  if (typeof given !== 'object' || Array.isArray(given))
    throw invalid('', given, 'Give false, true, or an object of settings.');
  for (const [name, value] of Object.entries(given)) {
    if (!NAMES.includes(name as keyof RecoverySettings)) {
      throw invalid(`.${name}`, value, `There is no such setting; the known ones are ${NAMES.join(', ')}.`);
    }
    const isPositive = typeof value === 'number' && Number.isFinite(value) && value > 0;
    if (value !== undefined && !isPositive) throw invalid(`.${name}`, value, 'Give a number above 0.');
  }
}

/**
 * The settings of connection state recovery, with their defaults; nothing where it is off.
 * @param isOnByDefault whether it is on where the app says nothing
 */
export function readRecoverySettings({ config }: SailsApp, isOnByDefault: boolean): RecoverySettings | undefined {
  const given = config.sockets.connectionStateRecovery ?? isOnByDefault;
  if (given === false) return undefined;
  return given === true ? DEFAULT_RECOVERY_SETTINGS : { ...DEFAULT_RECOVERY_SETTINGS, ...given };
}

function invalid(name: string, value: unknown, cure: string): SocketsConfigError {
  return new SocketsConfigError(
    `\`sails.config.sockets.connectionStateRecovery${name}\` is invalid: got ${inspect(value, { depth: 1 })}. ${cure}`,
  );
}
