import { byId, element } from './element.js';
import { bytes, clock, count, milliseconds, span } from './format.js';
import { Plot } from './plots.js';

const PLOTS = [
  new Plot('Sockets', (point) => point.sockets, count),
  new Plot(
    'Messages per second',
    (point) => point.messagesIn + point.messagesOut,
    count,
    (point) => `${count(point.messagesIn)} in, ${count(point.messagesOut)} out`,
  ),
  new Plot('Virtual requests per second', (point) => point.requests, count),
  new Plot('Between workers per second', (point) => point.busMessages, count),
  new Plot('Event-loop delay, worst worker', (point) => point.eventLoopMs, milliseconds),
];
byId('plots').append(...PLOTS.map((plot) => plot.element));

const WORDS = { ok: 'ready', degraded: 'ready, degraded', failed: 'not ready' };
const PHASES = { starting: 'starting', 'waiting-for-redis': 'waiting for Redis', draining: 'draining' };

/** Shows everything but the rooms. */
export function showOverview(status) {
  const { pod, readiness, history } = status;
  document.title = `${pod.name} · Flotilla`;
  byId('pod-name').textContent = pod.name;
  const pill = byId('status');
  pill.textContent = PHASES[pod.phase] ?? WORDS[readiness.status];
  pill.dataset.status = pod.phase === 'up' ? readiness.status : 'degraded';
  byId('facts').replaceChildren(...factsOf(status));
  for (const plot of PLOTS) plot.show(history.points, 150 * history.everyMs);
  byId('checks').replaceChildren(...Object.entries(readiness.checks).map(checkRow));
  byId('workers').tBodies[0].replaceChildren(...status.workers.map((worker) => workerRow(worker, status.at)));
  byId('pods').tBodies[0].replaceChildren(...status.fleet.map((row) => podRow(row, status)));
  byId('journal').replaceChildren(...journalOf(status.journal));
}

function factsOf({ at, pod, version, sessions }) {
  const facts = [
    pod.url ?? 'does not listen yet',
    `up for ${span(at - pod.startedAt)}`,
    `mode ${pod.mode}`,
    `${count(sessions.sessions)} sessions in the pod’s store`,
    `version ${version}`,
  ];
  return facts.map((fact) => element('span', {}, fact));
}

function checkRow([name, { status, detail }]) {
  return element('li', { 'data-status': status }, element('b', {}, name), ` ${detail}`);
}

function workerRow(worker, now) {
  const { pulse } = worker;
  const isSilent = worker.state === 'ready' && worker.silentForMs > 10_000;
  const state = isSilent ? 'silent' : worker.state;
  const told = (format) => (pulse ? format(pulse) : '–');
  return element(
    'tr',
    { 'data-worker': String(worker.place) },
    cell('Worker', element('b', {}, `${worker.number}`), element('small', {}, ` pid ${worker.pid ?? '–'}`)),
    cell('State', pill(stateStatus(state), state)),
    number(
      'Sockets',
      told(({ sockets }) => count(sockets)),
    ),
    number(
      'Messages/s',
      told(({ rates }) => count(rates.messagesIn + rates.messagesOut)),
    ),
    number(
      'CPU',
      told(({ rates }) => `${Math.round(rates.cpu * 100)} %`),
    ),
    number(
      'Event loop',
      told(({ eventLoopP99Ms }) => milliseconds(eventLoopP99Ms)),
    ),
    cell('Heap', ...(pulse ? heapBar(pulse) : ['–'])),
    number('Up for', span(now - (worker.readyAt ?? worker.startedAt))),
  );
}

/** A cell knows its column's name: on small screens it shows it itself. */
function cell(label, ...children) {
  return element('td', { 'data-label': label }, ...children);
}

function number(label, text) {
  return element('td', { 'data-label': label, class: 'number' }, text);
}

function pill(status, text) {
  return element('span', { class: 'pill', 'data-status': status }, text);
}

function heapBar({ heapBytes, heapLimitBytes }) {
  const meter = element('meter', { min: '0', max: '1', high: '0.8', optimum: '0' });
  meter.value = heapBytes / heapLimitBytes;
  meter.title = `of ${bytes(heapLimitBytes)}`;
  return [meter, ` ${bytes(heapBytes)}`];
}

function stateStatus(state) {
  if (state === 'ready') return 'ok';
  return state === 'silent' || state === 'gone' ? 'failed' : 'degraded';
}

function podRow(row, { pod, at }) {
  const isSelf = row.tag === pod.tag;
  return element(
    'tr',
    {},
    cell('Pod', element('b', {}, row.name), ...(isSelf ? [element('small', {}, ' this one')] : [])),
    cell('State', pill(row.state === 'up' ? 'ok' : 'degraded', row.state)),
    number('Workers', count(row.workers.length)),
    number('Sockets', count(row.workers.reduce((sum, { sockets }) => sum + sockets, 0))),
    cell('Version', row.version),
    number('Heard', isSelf ? 'now' : `${span(at - row.lastSeen)} ago`),
  );
}

function journalOf(entries) {
  if (entries.length === 0) return [element('li', {}, 'Nothing so far.')];
  return entries.map(({ at, level, text }) =>
    element('li', { 'data-level': level }, element('time', {}, clock(at)), ` ${text}`),
  );
}
