module.exports.models = {
  // `alter` and `drop` rebuild every table at each lift. With several workers each of them would, one while the others
  // are writing. The tables come from database/*.sql instead: see config/bootstrap.js.
  migrate: 'safe',
  schema: true,
  attributes: {
    id: { type: 'number', autoIncrement: true },
    createdAt: { type: 'number', autoCreatedAt: true },
    updatedAt: { type: 'number', autoUpdatedAt: true },
  },
};
