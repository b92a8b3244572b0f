export interface PrometheusSample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export interface PrometheusText {
  /** By family: `counter`, `gauge`, `histogram`, `summary`. */
  types: Map<string, string>;
  samples: PrometheusSample[];
}

/** Reads the text format of `/metrics`. Lines that cannot be read are left out. */
export function parsePrometheus(text: string): PrometheusText {
  const types = new Map<string, string>();
  const samples: PrometheusSample[] = [];
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (\S+)/.exec(line);
    if (type) {
      types.set(type[1] as string, type[2] as string);
      continue;
    }
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/.exec(line);
    if (!match) continue;
    const [, name, labelText = '', valueText] = match as unknown as [string, string, string | undefined, string];
    const value = Number(valueText);
    if (Number.isNaN(value)) continue;
    const labels: Record<string, string> = {};
    for (const [, label, content] of labelText.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)) {
      labels[label as string] = (content as string).replace(/\\(.)/g, (_, each) => (each === 'n' ? '\n' : each));
    }
    samples.push({ name, labels, value });
  }
  return { types, samples };
}
