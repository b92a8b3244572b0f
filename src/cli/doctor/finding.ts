/** `skip`: it could not be looked at, or does not apply. */
export type FindingStatus = 'ok' | 'warn' | 'fail' | 'skip';

/** What one check of `flotilla doctor` found. */
export interface Finding {
  /** Which check. */
  name: string;
  status: FindingStatus;
  /** What is so. */
  detail: string;
  /** What to do about it. */
  cure?: string;
}

export function ok(name: string, detail: string): Finding {
  return { name, status: 'ok', detail };
}

export function warn(name: string, detail: string, cure: string): Finding {
  return { name, status: 'warn', detail, cure };
}

export function fail(name: string, detail: string, cure: string): Finding {
  return { name, status: 'fail', detail, cure };
}

export function skip(name: string, detail: string): Finding {
  return { name, status: 'skip', detail };
}
