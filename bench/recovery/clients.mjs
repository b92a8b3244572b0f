// Clients in one room that write down what they get, while pods come and go. Driven over IPC.
import { createRequire } from 'node:module';
import { io } from 'socket.io-client';

const { createClient } = createRequire(import.meta.url)('../../dist/client');
const EVENT = 'loadtestMessage';
const clients = [];

class Client {
  #seen = new Set();
  #latest = 0;
  #lastAt = 0;
  #cutAt;
  #isWaiting = false;
  figures = { duplicates: 0, outOfOrder: 0, gaps: [], reconnects: [], recovered: 0 };

  constructor(kind, url, room) {
    this.room = room;
    this.socket = kind === 'ours' ? this.#connectOurs(url) : this.#connectStock(url);
    this.socket.on(EVENT, ({ sequence }) => this.#got(sequence));
    this.socket.on('disconnect', () => {
      this.#cutAt = performance.now();
      this.#isWaiting = true;
    });
    this.joined = new Promise((resolve) => {
      this.socket.on('connect', async () => {
        if (this.#cutAt !== undefined) {
          this.figures.reconnects.push(performance.now() - this.#cutAt);
          this.#cutAt = undefined;
        }
        if (this.socket.recovered) this.figures.recovered += 1;
        else await this.#join(kind);
        resolve();
      });
    });
  }

  #connectStock(url) {
    return io(url, { transports: ['websocket'], forceNew: true, query: { __sails_io_sdk_version: '1.2.1' } });
  }

  #connectOurs(url) {
    const client = createClient();
    client.sails.autoConnect = false;
    client.sails.environment = 'production';
    return client.sails.connect(url, { transports: ['websocket'], multiplex: false });
  }

  #join(kind) {
    const url = `/loadtest/rooms/${this.room}/join`;
    return new Promise((resolve) => {
      if (kind === 'ours') this.socket.post(url, {}, resolve);
      else this.socket.emit('post', { method: 'post', url, data: {}, headers: {} }, resolve);
    });
  }

  #got(sequence) {
    const now = performance.now();
    if (this.#seen.has(sequence)) {
      this.figures.duplicates += 1;
      return;
    }
    this.#seen.add(sequence);
    if (sequence < this.#latest) this.figures.outOfOrder += 1;
    this.#latest = Math.max(this.#latest, sequence);
    if (this.#isWaiting) {
      this.figures.gaps.push(now - this.#lastAt);
      this.#isWaiting = false;
    }
    this.#lastAt = now;
  }

  report() {
    return { ...this.figures, received: this.#seen.size };
  }
}

process.on('message', async ({ open, report }) => {
  if (open) {
    for (let index = 0; index < open.count; index += 1) {
      const client = new Client(open.client, open.url, open.room);
      clients.push(client);
      await client.joined;
    }
    process.send({ opened: clients.length });
  }
  if (report) process.send({ reports: clients.map((client) => client.report()) });
});
