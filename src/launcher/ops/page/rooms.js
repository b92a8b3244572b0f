import { act, read } from './api.js';
import { byId, element } from './element.js';
import { count, span } from './format.js';

/** Reads and shows the largest rooms. */
export async function showRooms() {
  const { rooms } = await read('api/rooms');
  const largest = rooms[0]?.sockets ?? 1;
  byId('rooms-note').textContent = rooms.length > 0 ? 'of this pod, the largest first' : '';
  const rows = rooms.map((room) => roomRow(room, largest));
  byId('rooms').replaceChildren(...(rows.length > 0 ? rows : [element('li', {}, 'Nobody is in a room.')]));
}

function roomRow({ nsp, room, sockets, workers }, largest) {
  const bar = element('span', { class: 'bar' });
  bar.style.width = `${(100 * sockets) / largest}%`;
  const name = nsp === '/' ? room : `${nsp} ${room}`;
  const spread = workers.map((each) => `${count(each.sockets)} in worker ${each.place}`).join(', ');
  const button = element(
    'button',
    { class: 'row', title: spread },
    bar,
    element('span', {}, name),
    element('b', {}, count(sockets)),
  );
  button.onclick = () => void openRoom(nsp, room);
  return element('li', {}, button);
}

/** Opens a room: who is in it. */
async function openRoom(nsp, room) {
  await open(`Room ${room}`, async () => {
    const { sockets, total } = await read(`api/room?${new URLSearchParams({ nsp, room })}`);
    const note =
      sockets.length < total ? `${count(total)} sockets, ${sockets.length} of them:` : `${count(total)} sockets`;
    const list = element('ul', { class: 'sockets' });
    for (const { id, address, transport, connectedAt, place } of sockets) {
      const button = element('button', { class: 'link' }, id);
      button.onclick = () => void openSocket(nsp, id);
      const facts = `${address}, ${transport}, worker ${place}, for ${span(Date.now() - connectedAt)}`;
      list.append(element('li', {}, button, element('small', {}, facts)));
    }
    return [element('p', {}, note), list];
  });
}

/** Opens a socket: what is known of it, and the button that disconnects it. */
export async function openSocket(nsp, id) {
  await open(`Socket ${id}`, async () => {
    const socket = await read(`api/socket?${new URLSearchParams({ nsp, id })}`);
    const facts = {
      Worker: `place ${socket.place}`,
      Address: socket.forwardedFor ? `${socket.address}, forwarded for ${socket.forwardedFor}` : socket.address,
      Connection: `${socket.transport}, Engine.IO ${socket.protocol}`,
      'Connected for': span(Date.now() - socket.connectedAt),
      Browser: socket.userAgent ?? '–',
      'Waiting packets': count(socket.waitingPackets),
      Rooms: socket.rooms.join(', ') || '–',
    };
    const list = element('dl');
    for (const [name, value] of Object.entries(facts)) list.append(element('dt', {}, name), element('dd', {}, value));
    const outcome = element('p', { role: 'status' });
    const button = element('button', { class: 'danger' }, 'Disconnect');
    button.onclick = async () => {
      button.disabled = true;
      try {
        await act('api/disconnect', { nsp, id });
        outcome.textContent = 'It is disconnected.';
      } catch (error) {
        button.disabled = false;
        outcome.textContent = error.message;
      }
    };
    return [list, button, outcome];
  });
}

async function open(title, load) {
  const dialog = byId('detail');
  byId('detail-title').textContent = title;
  byId('detail-body').replaceChildren(element('p', {}, 'Looking …'));
  if (!dialog.open) dialog.showModal();
  try {
    byId('detail-body').replaceChildren(...(await load()));
  } catch (error) {
    byId('detail-body').replaceChildren(element('p', { role: 'alert' }, error.message));
  }
}
