/** Runs in every worker before it takes requests. */
module.exports.bootstrap = async () => {
  await sails.helpers.createTables();
};
