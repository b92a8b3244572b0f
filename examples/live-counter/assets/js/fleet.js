import { on, onConnect, request } from './connection.js';
import { element } from './element.js';

const pods = document.querySelector('#pods');
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

let severalPods = false;
let pushes = 0;

/** `worker 2`, or `worker 2 of pod-a` where there are several pods. */
export function workerName({ pod, worker }) {
  return severalPods ? `worker ${worker} of ${pod}` : `worker ${worker}`;
}

/** Lights up the worker in the list. */
export function flashWorker({ pod, worker }) {
  const tile = tileOf(pod, worker);
  if (!tile) return;
  tile.classList.remove('flash');
  // Reading a measure makes the browser see the class gone, so that the animation starts anew.
  void tile.offsetWidth;
  tile.classList.add('flash');
}

onConnect(async () => {
  const pushesBefore = pushes;
  const table = await request('get', '/api/fleet');
  // A push that came meanwhile is newer than this answer.
  if (pushes === pushesBefore) show(table);
});

on('fleetUpdated', (table) => {
  pushes += 1;
  show(table);
});

function show({ self, pods: rows }) {
  severalPods = rows.length > 1;
  const workers = rows.flatMap((pod) => pod.workers);
  const sockets = workers.reduce((sum, worker) => sum + worker.sockets, 0);
  document.querySelector('#fleet-sum').textContent = [
    amount(rows.length, 'pod'),
    amount(workers.length, 'worker'),
    amount(sockets, 'socket'),
  ].join(' · ');

  document.querySelector('#seat').hidden = false;
  document.querySelector('#seat-worker').textContent = `worker ${self.worker}`;
  document.querySelector('#seat-pod').textContent = self.pod;

  const wanted = new Set();
  const most = Math.max(1, ...workers.map((worker) => worker.sockets));
  for (const pod of [...rows].sort((a, b) => a.name.localeCompare(b.name))) {
    const box = podBox(pod);
    wanted.add(box);
    for (const worker of [...pod.workers].sort((a, b) => a.number - b.number)) {
      const tile = tileOf(pod.name, worker.number) ?? newTile(pod.name, worker.number);
      wanted.add(tile);
      box.lastChild.append(tile);
      fillTile(tile, worker, most, pod.tag === self.podTag && worker.number === self.worker);
    }
  }
  for (const stale of pods.querySelectorAll('.pod, .worker')) if (!wanted.has(stale)) stale.remove();
}

function tileOf(pod, worker) {
  return [...pods.querySelectorAll('.worker')].find(
    ({ dataset }) => dataset.pod === pod && dataset.worker === String(worker),
  );
}

function podBox(pod) {
  let box = [...pods.children].find(({ dataset }) => dataset.pod === pod.name);
  if (!box) {
    box = element('div', 'pod', [
      element('h3', '', [element('span', 'pod-name', pod.name), element('span', 'badge')]),
      element('ul', 'workers'),
    ]);
    box.dataset.pod = pod.name;
  }
  pods.append(box);
  box.querySelector('.badge').textContent = pod.state === 'up' ? '' : pod.state;
  return box;
}

function newTile(pod, worker) {
  const tile = element('li', 'worker', [
    element('span', 'worker-number', String(worker)),
    element('span', 'worker-sockets'),
    element('span', 'bar', [element('i')]),
    element('span', 'worker-process'),
  ]);
  tile.dataset.pod = pod;
  tile.dataset.worker = worker;
  return tile;
}

function fillTile(tile, worker, most, isThisTab) {
  tile.classList.toggle('here', isThisTab);
  tile.dataset.pid = worker.pid;
  tile.querySelector('.worker-sockets').textContent = amount(worker.sockets, 'socket');
  tile.querySelector('.bar i').style.transform = `scaleX(${worker.sockets / most})`;
  tile.querySelector('.worker-process').textContent = `pid ${worker.pid}`;
  tile.title = `Version ${worker.version}, up since ${clock.format(worker.startedAt)}`;
}

function amount(number, noun) {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
