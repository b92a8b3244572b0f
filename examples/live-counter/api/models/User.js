module.exports = {
  attributes: {
    /** What the person logged in with, in lower case. */
    name: { type: 'string', required: true, unique: true, maxLength: 32 },
    displayName: { type: 'string', required: true, maxLength: 32 },
    status: { type: 'string', isIn: ['available', 'busy', 'away'], defaultsTo: 'available' },
  },
};
