import { type MessagePort, workerData } from 'node:worker_threads';
import { type Exchange, exchange } from './http-exchange';

const { signal, port } = workerData as { signal: Int32Array; port: MessagePort };

port.on('message', async (order: Exchange) => {
  port.postMessage(await exchange(order));
  // The answer is posted before the one who waits is woken: it reads the answer at once.
  Atomics.add(signal, 0, 1);
  Atomics.notify(signal, 0);
});
