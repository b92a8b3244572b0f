/** What was said in the chat room. */
module.exports = {
  attributes: {
    author: { type: 'string', required: true, maxLength: 32 },
    text: { type: 'string', required: true, maxLength: 500 },
  },
};
