/** Only the routes of config/routes.js exist. */
module.exports.blueprints = { actions: false, rest: false, shortcuts: false };
