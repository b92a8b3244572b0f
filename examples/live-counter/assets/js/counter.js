import { on, onConnect, onState, request } from './connection.js';
import { flashWorker, workerName } from './fleet.js';

const odometer = document.querySelector('#odometer');
const output = document.querySelector('#count');
const button = document.querySelector('#increment');

let shown;

function show(count) {
  shown = count;
  output.value = String(count);
  odometer.dataset.digits = String(count).length;

  const digits = [...String(count)].reverse();
  digits.forEach((digit, place) => {
    // Counted from the right, so that every digit keeps its place when the number grows longer.
    const wheel = odometer.children[place] ?? odometer.appendChild(newWheel());
    wheel.firstChild.style.transform = `translateY(${Number(digit) * -10}%)`;
  });
  while (odometer.children.length > digits.length) odometer.lastChild.remove();
}

function newWheel() {
  const wheel = document.createElement('span');
  const ribbon = document.createElement('span');
  for (let digit = 0; digit < 10; digit++) {
    const cell = document.createElement('span');
    cell.textContent = String(digit);
    ribbon.append(cell);
  }
  wheel.append(ribbon);
  return wheel;
}

let pushedSinceConnect = 0;

onConnect(async () => {
  pushedSinceConnect = 0;
  const { count } = await request('get', '/api/counter/subscribe');
  show(Math.max(count, pushedSinceConnect));
});

on('counterUpdated', ({ count, from }) => {
  // Two workers that count at the same moment may be heard in either order; the count itself only grows.
  pushedSinceConnect = Math.max(count, pushedSinceConnect);
  if (shown === undefined || count > shown) show(count);
  if (from) showRoute(from);
});

function showRoute(from) {
  document.querySelector('#route').hidden = false;
  document.querySelector('#route-none').hidden = true;
  document.querySelector('#route-from').textContent = workerName(from);
  document.querySelector('#route-to').textContent = document.querySelector('#seat-worker').textContent;
  flashWorker(from);
}

button.addEventListener('click', () => {
  request('post', '/api/counter/increment').catch(() => {
    // The connection went away meanwhile: the state in the page's head says so.
  });
});

onState((state) => {
  button.disabled = state !== 'live';
});
