/** No database, no views (and no sessions, see .sailsrc): what is compared is the sockets. */
module.exports = {
  log: { level: 'warn', noShip: true },
  hooks: { grunt: false, i18n: false, views: false, pubsub: false },
  globals: { sails: true, models: false, services: false, async: false, _: false },
  blueprints: { actions: false, rest: false, shortcuts: false },
  sockets: { transports: ['websocket'] },
  routes: {
    'POST /loadtest/rooms/:room/join': 'join',
    'GET /loadtest/rooms/:room': 'members',
    'POST /loadtest/rooms/:room/messages': 'send',
    'GET /api/whoami': 'whoami',
  },
};
