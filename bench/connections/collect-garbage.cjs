// Loaded into every process that is measured (NODE_OPTIONS): SIGWINCH, which nobody else listens to here, collects its garbage,
// so that what is left is in use.
require('node:v8').setFlagsFromString('--expose-gc');
const collect = require('node:vm').runInNewContext('gc');
process.on('SIGWINCH', () => collect());
