/** Reads settings from the environment, as k6 hands it to scripts. An empty variable counts as not set. */

export function textSetting(name: string, fallback: string): string {
  return __ENV[name] || fallback;
}

/** @throws Error naming the variable, its value and what it takes */
export function numberSetting(name: string, fallback: number, limits: { min: number; max?: number }): number {
  const text = __ENV[name];
  if (!text) return fallback;
  const value = Number(text);
  const { min, max = Number.MAX_SAFE_INTEGER } = limits;
  if (!(value >= min && value <= max)) {
    const range = max === Number.MAX_SAFE_INTEGER ? `a number of at least ${min}` : `a number from ${min} to ${max}`;
    throw new Error(`${name}=${text}: give ${range}, e.g. ${name}=${fallback}`);
  }
  return value;
}

/** A time such as `500ms`, `30s`, `5m` or `2h`. */
export function durationSetting(name: string, fallbackMs: number): number {
  const text = __ENV[name];
  if (!text) return fallbackMs;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  if (!match) throw new Error(`${name}=${text}: give a time with its unit, e.g. ${name}=30s or ${name}=5m`);
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] as 'ms' | 's' | 'm' | 'h'];
  return Number(match[1]) * unit;
}

/** @throws Error naming the variable, its value and the choices */
export function choiceSetting<T extends string>(name: string, fallback: T, choices: readonly T[]): T {
  const text = __ENV[name];
  if (!text) return fallback;
  const choice = choices.find((each) => each === text);
  if (!choice) throw new Error(`${name}=${text}: give one of ${choices.join(', ')}`);
  return choice;
}
