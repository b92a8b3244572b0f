// Counts the messages that Redis pushes to the subscribers of this process, whoever they belong to.
const { Redis } = require('ioredis');

const EVENTS = new Set(['messageBuffer', 'pmessageBuffer', 'smessageBuffer']);
const { emit } = Redis.prototype;
let pushed = 0;

Redis.prototype.emit = function (event, ...args) {
  if (EVENTS.has(event)) pushed += 1;
  return emit.call(this, event, ...args);
};

/** How many there have been so far. */
exports.pushed = () => pushed;
