import { on, onConnect, request } from './connection.js';
import { avatar, element, showProblem } from './element.js';
import { login, logout, onUser } from './session.js';

const list = document.querySelector('#users');
const loginForm = document.querySelector('#login');
const me = document.querySelector('#me');
const myName = document.querySelector('#me-name');
const logoutButton = document.querySelector('#logout');

const STATUS_TEXT = { available: 'Available', busy: 'Busy', away: 'Away' };

let users = [];
let myId;

async function fetchUsers() {
  ({ users } = await request('get', '/api/users'));
  show();
}

onConnect(fetchUsers);

// Resourceful PubSub: the event is named after the model, and the message says what happened to which record.
on('user', ({ verb, id, data }) => {
  if (verb !== 'updated') return;
  users = users.map((user) => (user.id === id ? { ...user, ...data } : user));
  show();
});

on('userCreated', () => {
  // When the connection is lost meanwhile, the next connect fetches the list anyway.
  fetchUsers().catch(() => {});
});

function show() {
  list.replaceChildren(...users.map(row));
}

function row(user) {
  const made = element('li', `status-${user.status}`, [
    avatar(user.displayName),
    element('span', 'who', [user.displayName, user.id === myId ? element('small', '', 'you') : '']),
    element('span', 'status', STATUS_TEXT[user.status]),
  ]);
  made.dataset.id = user.id;
  return made;
}

onUser((user) => {
  const isOther = user?.id !== myId;
  myId = user?.id;
  loginForm.hidden = Boolean(user);
  me.hidden = !user;
  logoutButton.hidden = !user;
  if (user) {
    // Not while the name is being typed.
    if (isOther || document.activeElement !== myName) myName.value = user.displayName;
    me.querySelector(`[value="${user.status}"]`).checked = true;
  }
  show();
});

/** Runs what a form asks for and shows what went wrong with it. */
async function attempt(action) {
  try {
    await action();
    showProblem('#people-problem');
  } catch (error) {
    showProblem('#people-problem', error);
  }
}

loginForm.addEventListener('submit', (event) => {
  event.preventDefault();
  attempt(() => login(loginForm.elements.name.value));
});

logoutButton.addEventListener('click', () => attempt(logout));

me.addEventListener('submit', (event) => {
  event.preventDefault();
  attempt(() => request('patch', '/api/users/me', { displayName: myName.value }));
});

document.querySelector('#me-status').addEventListener('change', (event) => {
  attempt(() => request('patch', '/api/users/me', { status: event.target.value }));
});
