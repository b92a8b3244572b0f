/** sails-hook-flotilla takes every setting that sails-hook-sockets takes. The example needs none in development. */
module.exports.sockets = {};
