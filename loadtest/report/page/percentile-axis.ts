/** Percentiles stand where half of what is left makes an equal step, so that the far end can be read. */
export function placeOfPercentile(percent: number, count: number): number {
  const farthest = Math.log10(Math.max(10, count));
  return percent >= 100 ? farthest : Math.min(farthest, Math.log10(100 / (100 - percent)));
}

const MARKS = [0, 50, 90, 99, 99.9, 99.99];

/** @returns where the axis has its marks */
export function percentileMarks(count: number): number[] {
  const places = MARKS.map((percent) => placeOfPercentile(percent, Number.POSITIVE_INFINITY));
  const farthest = Math.log10(Math.max(10, count));
  return places.filter((place) => place <= farthest + 0.01);
}

export function percentileAt(place: number): string {
  const percent = 100 - 100 / 10 ** place;
  return `p${Number(percent.toFixed(place > 2.5 ? 2 : place > 1.5 ? 1 : 0))}`;
}
