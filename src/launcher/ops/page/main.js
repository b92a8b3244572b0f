import { read } from './api.js';
import { byId } from './element.js';
import { showOverview } from './overview.js';
import { openSocket, showRooms } from './rooms.js';

const EVERY_MS = 2_000;

/** Shows the pod again and again, while somebody looks. */
async function round() {
  try {
    if (!document.hidden) {
      showOverview(await read('api/status'));
      await showRooms();
      told('');
      document.documentElement.dataset.state = 'live';
    }
  } catch (error) {
    document.documentElement.dataset.state = 'stale';
    told(
      error instanceof TypeError
        ? 'This pod does not answer: what is shown is what it told last.'
        : `What is shown may be out of date: ${error.message}`,
    );
  }
  setTimeout(round, EVERY_MS);
}

function told(text) {
  byId('trouble').textContent = text;
  byId('trouble').hidden = text === '';
}

byId('find-socket').addEventListener('submit', (event) => {
  event.preventDefault();
  void openSocket('/', new FormData(event.target).get('id').trim());
});
round();
