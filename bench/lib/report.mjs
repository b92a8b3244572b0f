// What a benchmark says: printed, and kept for `bench/run.mjs` where that has started it.
import { appendFileSync } from 'node:fs';

/**
 * Prints a table.
 * @param {string} title
 * @param {Array<Record<string, string | number>>} rows all with the same columns
 * @param {{ text?: string, plot?: { axis: string, columns: string[] } }} options `text`: what the figures are;
 *   `plot`: columns in microseconds to be drawn over the first column
 */
export function table(title, rows, options = {}) {
  console.log(`\n${title}`);
  if (options.text) console.log(options.text);
  console.table(rows);
  keep({ table: { title, rows, ...options } });
}

/**
 * A figure beside what it is to reach.
 * @param {{ what: string, peer: string, ours: string, ratio: number | string, toReach: string }} figure
 */
export function goal(figure) {
  keep({ goal: figure });
}

/** Three digits are as much as any of these measurements gives. */
export function round(value) {
  return value === 0 ? 0 : Number(value.toPrecision(3));
}

function keep(entry) {
  const file = process.env.BENCH_REPORT;
  if (file) appendFileSync(file, `${JSON.stringify(entry)}\n`);
}
