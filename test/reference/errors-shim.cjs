'use strict';

/** What the suite asks of the hook's `lib/errors`: the classes that `assert.throws` compares with. */
const { SocketsNoSuchSocketError, SocketsUsageError } = require('../../dist/hook/errors.js');

module.exports = {
  USAGE: { constructor: SocketsUsageError },
  NO_SUCH_SOCKET: { constructor: SocketsNoSuchSocketError },
};
