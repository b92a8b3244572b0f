// Sails requires a session adapter by its path in node_modules, past the exports of package.json: hence this file.
module.exports = require('./dist/session/index.js');
