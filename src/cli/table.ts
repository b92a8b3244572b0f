/** A column: its title, and whether it is set to the right. */
export interface Column {
  title: string;
  right?: boolean;
}

/** Sets rows under their titles, as wide as they need. */
export function renderTable(columns: Column[], rows: string[][]): string[] {
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => (row[index] ?? '').length)),
  );
  const line = (cells: string[]) =>
    cells
      .map((cell, index) =>
        columns[index]?.right ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
}
