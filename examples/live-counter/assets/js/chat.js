import { on, onConnect, onState, request } from './connection.js';
import { avatar, element, showProblem } from './element.js';
import { onUser } from './session.js';

const MESSAGES_KEPT = 200;

const list = document.querySelector('#messages');
const form = document.querySelector('#say');
const input = document.querySelector('#say-text');
const send = form.querySelector('button');
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

let live = false;
let user = null;

onConnect(async () => {
  const { messages } = await request('get', '/api/chat/subscribe');
  for (const message of messages) show(message);
});

on('chatMessage', show);

function show(message) {
  // A message may come twice, with the list and as an event, and two may be heard in either order.
  const rows = [...list.children];
  if (rows.some((row) => row.dataset.id === String(message.id))) return;
  const following = rows.find((row) => Number(row.dataset.id) > message.id);

  const atBottom = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.insertBefore(row(message), following ?? null);
  while (list.children.length > MESSAGES_KEPT) list.firstChild.remove();
  if (atBottom) list.scrollTop = list.scrollHeight;
}

function row(message) {
  const time = element('time', '', clock.format(message.createdAt));
  time.dateTime = new Date(message.createdAt).toISOString();
  const made = element('li', '', [
    avatar(message.author),
    element('div', '', [
      element('p', 'by', [element('b', '', message.author), time]),
      element('p', 'text', message.text),
    ]),
  ]);
  made.dataset.id = message.id;
  return made;
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    await request('post', '/api/chat/messages', { text: input.value });
    input.value = '';
    showProblem('#chat-problem');
  } catch (error) {
    showProblem('#chat-problem', error);
  }
});

function refresh() {
  input.disabled = !user;
  send.disabled = !user || !live;
  input.placeholder = user ? `Say something, ${user.displayName}` : 'Log in to say something';
}

onState((state) => {
  live = state === 'live';
  refresh();
});

onUser((current) => {
  user = current;
  refresh();
});

refresh();
