// Writes the figures of bench/results/ into docs/benchmarks.md: what stands between `<!-- name -->` and `<!-- /name -->` is
// made anew, the rest is left alone.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './processes.mjs';

export const RESULTS = join(ROOT, 'bench/results');
const PAGE = join(ROOT, 'docs/benchmarks.md');

/** What has been measured and kept, by the benchmark's name. */
export function readResults() {
  if (!existsSync(RESULTS)) return {};
  return Object.fromEntries(
    readdirSync(RESULTS)
      .filter((file) => file.endsWith('.json'))
      .map((file) => [file.slice(0, -'.json'.length), JSON.parse(readFileSync(join(RESULTS, file), 'utf8'))]),
  );
}

/** Our figures beside their goals, of all results. */
export function goalsOf(results) {
  return Object.values(results).flatMap(({ goals }) =>
    goals.map(({ what, peer, ours, ratio, toReach }) => ({ what, peer, ours, ratio, 'to reach': toReach })),
  );
}

export function document(results) {
  let page = readFileSync(PAGE, 'utf8');
  page = fill(page, 'goals', markdownTable(goalsOf(results)));
  for (const [name, result] of Object.entries(results)) page = fill(page, name, chapter(result));
  writeFileSync(PAGE, page);
}

function fill(page, name, text) {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to === -1) throw new Error(`docs/benchmarks.md has no place for "${name}": add ${begin} ${end}.`);
  return `${page.slice(0, from)}${begin}\n\n${text}\n\n${page.slice(to)}`;
}

function chapter({ command, measured, machine, tables }) {
  const parts = [`\`${command}\`, ${measured}, ${machine}.`];
  for (const { title, text, rows, plot } of tables) {
    parts.push(`**${title}**${text ? `. ${text}` : ''}`, markdownTable(rows));
    if (plot) parts.push(drawing(plot, rows));
  }
  return parts.join('\n\n');
}

function markdownTable(rows) {
  if (rows.length === 0) return 'Not measured yet.';
  const columns = Object.keys(rows[0]);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    line(columns),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(columns.map((column) => row[column]?.toLocaleString('en') ?? ''))),
  ].join('\n');
}

/** A plot that GitHub draws. */
function drawing({ axis, columns }, rows) {
  const [first] = Object.keys(rows[0]);
  const most = Math.max(...rows.flatMap((row) => columns.map((column) => row[column])));
  return [
    '```mermaid',
    'xychart-beta',
    `    title "${columns.join('; ')}"`,
    `    x-axis "${axis}" [${rows.map((row) => `"${row[first].toLocaleString('en')}"`).join(', ')}]`,
    `    y-axis "µs" 0 --> ${Math.ceil(1.1 * most)}`,
    ...columns.map((column) => `    line [${rows.map((row) => row[column]).join(', ')}]`),
    '```',
  ].join('\n');
}
