import uPlot from 'uplot';
import { element } from './element';

export interface PlotLine {
  label: string;
  values: (number | null)[];
  /** Number of the colour in report.css. */
  color: number;
  dashed?: boolean;
}

export interface PlotOptions {
  title: string;
  x: number[];
  lines: PlotLine[];
  format(value: number): string;
  /** Default: seconds. */
  formatX?: (value: number) => string;
  /** Where the x axis has its marks; default: uPlot's choice. */
  ticks?: number[];
  filled?: boolean;
}

const HEIGHT = 210;
const drawn = new Set<() => void>();

/** A drawing that fits its place and follows the colour scheme. */
export function plot(options: PlotOptions): HTMLElement {
  const place = element('div.plot-place');
  const figure = element('figure.plot', element('figcaption', options.title), place);
  let chart: uPlot | undefined;
  const draw = () => {
    chart?.destroy();
    chart = new uPlot(
      configure(options, place.clientWidth || 400),
      [options.x, ...options.lines.map(({ values }) => values)] as uPlot.AlignedData,
      place,
    );
  };
  drawn.add(draw);
  new ResizeObserver(() => {
    if (!chart) draw();
    else chart.setSize({ width: place.clientWidth, height: HEIGHT });
  }).observe(place);
  return figure;
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const draw of drawn) draw();
});

function configure(options: PlotOptions, width: number): uPlot.Options {
  const ink = cssVariable('--muted');
  const grid = { stroke: cssVariable('--grid'), width: 1 };
  const formatX = options.formatX ?? ((seconds: number) => `${seconds} s`);
  const font = '12px system-ui, sans-serif';
  return {
    width,
    height: HEIGHT,
    padding: [8, 12, 0, 0],
    cursor: { points: { size: 6 }, drag: { x: true, y: false } },
    scales: { x: { time: false }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] } },
    axes: [
      {
        stroke: ink,
        grid,
        ticks: grid,
        font,
        values: (_, marks) => marks.map(formatX),
        ...(options.ticks && { splits: () => options.ticks as number[] }),
      },
      { stroke: ink, grid, ticks: grid, font, size: 64, values: (_, marks) => marks.map(options.format) },
    ],
    series: [
      { label: 'at', value: (_, value) => (value == null ? '' : formatX(value)) },
      ...options.lines.map(({ label, color, dashed, values }): uPlot.Series => {
        const stroke = cssVariable(`--line-${color}`);
        return {
          label,
          stroke,
          width: 2,
          spanGaps: true,
          ...(dashed && { dash: [6, 4] }),
          ...(options.filled && { fill: `color-mix(in srgb, ${stroke} 16%, transparent)` }),
          // A line through a single value would not be seen.
          points: { show: values.filter((value) => value !== null).length < 3, size: 5 },
          value: (_, value) => (value == null ? '' : options.format(value)),
        };
      }),
    ],
  };
}

function cssVariable(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
