/**
 * Lifts this app in one process: `node app.js`.
 * On several workers: `npx flotilla start .`
 */
process.chdir(__dirname);

const sails = require('sails');
const rc = require('sails/accessible/rc');

sails.lift(rc('sails'));
