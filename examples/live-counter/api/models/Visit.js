/** One press of the button. The counter shows how many there are. */
module.exports = {
  attributes: {
    timestamp: { type: 'number', required: true },
  },
};
