/** What express-session gives a session whose cookie has no settings, as JSON. */
export const DEFAULT_COOKIE = JSON.stringify({ originalMaxAge: null, expires: null, httpOnly: true, path: '/' });
