import { element } from './element.js';

const WIDTH = 240;
const HEIGHT = 56;
const SHORTEST_MS = 30_000;
const NAMESPACE = 'http://www.w3.org/2000/svg';

/** A small plot with its name and its last value. */
export class Plot {
  #value = element('output');
  #detail = element('small');
  #svg = document.createElementNS(NAMESPACE, 'svg');
  #area = document.createElementNS(NAMESPACE, 'path');
  #line = document.createElementNS(NAMESPACE, 'path');

  /**
   * @param {string} name
   * @param {(point: object) => number} pick what of a point of the history is shown
   * @param {(value: number) => string} format
   * @param {(point: object) => string} [describe] what is said below the value
   */
  constructor(name, pick, format, describe = () => '') {
    this.pick = pick;
    this.format = format;
    this.describe = describe;
    this.#svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    this.#svg.setAttribute('preserveAspectRatio', 'none');
    this.#svg.setAttribute('aria-hidden', 'true');
    this.#area.setAttribute('class', 'area');
    this.#line.setAttribute('class', 'line');
    this.#svg.append(this.#area, this.#line);
    this.element = element('figure', {}, element('figcaption', {}, name), this.#value, this.#detail, this.#svg);
  }

  /**
   * @param {object[]} points in their order, each with its time `at`
   * @param {number} longestMs what the whole width stands for, once there is so much to show
   */
  show(points, longestMs) {
    const last = points.at(-1);
    if (!last) {
      this.#value.textContent = '–';
      return;
    }
    this.#value.textContent = this.format(this.pick(last));
    this.#detail.textContent = this.describe(last);
    const spanMs = Math.min(longestMs, Math.max(SHORTEST_MS, last.at - points[0].at));
    const highest = Math.max(1, ...points.map(this.pick));
    const x = (at) => WIDTH - ((last.at - at) / spanMs) * WIDTH;
    const y = (value) => HEIGHT - 2 - (value / highest) * (HEIGHT - 6);
    const path = points.map((point, index) => {
      const command = index === 0 ? 'M' : 'L';
      return `${command}${x(point.at).toFixed(1)} ${y(this.pick(point)).toFixed(1)}`;
    });
    const line = path.join('');
    this.#line.setAttribute('d', line);
    this.#area.setAttribute('d', `${line}L${WIDTH} ${HEIGHT}L${x(points[0].at).toFixed(1)} ${HEIGHT}Z`);
  }
}
