import { describeValue, HIDDEN } from './describe';
import { RedisSettingError } from './errors';

/** Whether a setting was given a value: an empty string in the environment or in `.sailsrc` is none. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The text that a setting is.
 * @param secret whether the value is kept out of the message
 * @throws RedisSettingError `E_REDIS_SETTING`
 */
export function readText(value: unknown, setting: string, secret: boolean): string {
  if (typeof value === 'string') return value;
  throw new RedisSettingError(
    setting,
    secret ? HIDDEN : describeValue(value),
    `this is a ${typeof value}, not text.`,
    'Write a string, in quotes.',
  );
}
