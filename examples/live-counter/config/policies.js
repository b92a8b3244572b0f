module.exports.policies = {
  'chat/send': 'is-logged-in',
  'user/update-me': 'is-logged-in',
};
