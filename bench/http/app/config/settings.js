/** The first middleware reads the whole body and answers with its length. */
module.exports = {
  log: { level: 'warn', noShip: true },
  hooks: { grunt: false, i18n: false, views: false, session: false, pubsub: false },
  globals: { sails: true, models: false, services: false, async: false, _: false },
  http: {
    middleware: {
      order: ['answer', 'router'],
      answer(req, res) {
        let bytes = 0;
        req.on('data', (chunk) => {
          bytes += chunk.length;
        });
        req.on('end', () => res.end(`${bytes}`));
      },
    },
  },
};
