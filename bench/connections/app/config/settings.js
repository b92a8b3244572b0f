module.exports = {
  log: { level: 'warn', noShip: true },
  hooks: { grunt: false, i18n: false, views: false },
  globals: { sails: true, models: false, services: false, async: false, _: false },
  session: { secret: 'for a benchmark on this machine only' },
  sockets: { transports: ['websocket'] },
};
