import { onState, start } from './connection.js';
import './counter.js';
import './fleet.js';
import './people.js';
import './chat.js';

const text = document.querySelector('#connection-text');

onState((state) => {
  text.textContent = { live: 'Live', reconnecting: 'Reconnecting…' }[state];
});

start();
