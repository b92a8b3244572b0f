// The primary of a pod of the systems that are compared: a plain Node cluster.
const cluster = require('node:cluster');

/**
 * Forks WORKERS of the running file and says "ready on ..." with the PUBLIC_PORT when all have sent "ready".
 * @param listen called before it is said, with what is to be called then; for a primary that listens itself
 */
exports.runPrimary = function runPrimary({ listen = (done) => done() } = {}) {
  const { PUBLIC_PORT, WORKERS } = process.env;
  let ready = 0;
  for (let worker = 0; worker < Number(WORKERS); worker += 1) cluster.fork();
  cluster.on('message', (_worker, message) => {
    if (message !== 'ready') return;
    ready += 1;
    if (ready === Number(WORKERS)) listen(() => console.log(`ready on http://127.0.0.1:${PUBLIC_PORT}`));
  });
  // A benchmark with a worker less measures nothing: the benchmark sees the end, and what was said.
  cluster.on('exit', (_worker, code, signal) => {
    console.error(`a worker ended by ${signal ?? code}`);
    process.exit(1);
  });
  // The end of the measurement: nothing is to be kept.
  process.once('SIGTERM', () => {
    cluster.removeAllListeners('exit');
    for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGKILL');
    process.exit(0);
  });
};
