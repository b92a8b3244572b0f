// Reads the values of the chart with their descriptions: in values.yaml a comment that begins with `--` describes the key below.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

export const CHART = join(import.meta.dirname, '../helm/flotilla');

const BEGIN = '<!-- values: made from values.yaml by `make chart-readme` -->';
const END = '<!-- end of values -->';

/** @returns {{ path: string, description: string, value: unknown }[]} */
export function readValues() {
  const text = readFileSync(join(CHART, 'values.yaml'), 'utf8');
  const defaults = parse(text);
  const values = [];
  const parents = [];
  let description;
  for (const line of text.split('\n')) {
    const comment = /^\s*# -- (.*)$/.exec(line);
    if (comment) {
      description = comment[1];
      continue;
    }
    const [, indent, key] = /^(\s*)([A-Za-z]\w*):/.exec(line) ?? [];
    if (key === undefined) continue;
    const depth = indent.length / 2;
    parents.length = depth;
    parents[depth] = key;
    if (description === undefined) continue;
    const path = parents.slice(0, depth + 1);
    values.push({ path: path.join('.'), description, value: path.reduce((at, name) => at[name], defaults) });
    description = undefined;
  }
  return values;
}

/** The README of the chart with a fresh table. */
export function withTable(readme) {
  const [before, rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`README.md lacks the lines "${BEGIN}" and "${END}".`);
  const rows = readValues().map(
    ({ path, description, value }) =>
      `| \`${path}\` | \`${JSON.stringify(value)}\` | ${description.replaceAll('|', '\\|')} |`,
  );
  return `${before}${BEGIN}\n\n| value | default | |\n| --- | --- | --- |\n${rows.join('\n')}\n\n${END}${after}`;
}
