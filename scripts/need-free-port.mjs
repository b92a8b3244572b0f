// Says in one line that a port cannot be listened on, before anything is installed or built for it.
import { createServer } from 'node:net';

const port = Number(process.argv[2]);
if (!Number.isInteger(port) || port < 1 || port > 65535) {
  console.error(`PORT must be a number from 1 to 65535, not ${JSON.stringify(process.argv[2] ?? '')}.`);
  process.exit(1);
}

const server = createServer();
server.once('error', (error) => {
  console.error(
    error.code === 'EADDRINUSE'
      ? `Port ${port} is in use: stop what listens there, or choose another one with PORT=${port + 1}.`
      : `Port ${port} cannot be used (${error.message}): choose another one with PORT=8080.`,
  );
  process.exit(1);
});
server.listen(port, () => server.close());
