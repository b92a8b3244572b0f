export type Tags = Record<string, string>;

/** A metric's name in a threshold, which may pick a part of it: `virtual_request_latency{route:GET /api/whoami}`. */
export interface MetricSelector {
  metric: string;
  tags: Tags;
}

/** @throws Error naming what cannot be read */
export function parseSelector(text: string): MetricSelector {
  const match = /^([^{}]+)(?:\{(.*)\})?$/.exec(text);
  if (!match) throw new Error(`"${text}" is no name of a metric`);
  const tags: Tags = {};
  for (const pair of (match[2] ?? '').split(',').filter(Boolean)) {
    const colon = pair.indexOf(':');
    if (colon < 1) throw new Error(`"${text}": tags are given as {name:value}`);
    tags[pair.slice(0, colon).trim()] = pair.slice(colon + 1).trim();
  }
  return { metric: (match[1] as string).trim(), tags };
}

export function matches(wanted: Tags, tags: Tags): boolean {
  return Object.entries(wanted).every(([name, value]) => tags[name] === value);
}
