module.exports.log = {
  level: process.env.LOG_LEVEL || 'info',
  // Every worker would print its own ship.
  noShip: true,
};
