import { inspect } from 'node:util';
import { HookError } from '../errors';

/** A setting of this package that has an impossible value. */
export function settingError(name: string, value: unknown, cure: string): HookError {
  return new HookError('E_FLOTILLA_SETTING', `\`${name}\` is invalid: got ${inspect(value, { depth: 1 })}. ${cure}`);
}
