/** The event that `broadcast` and `blast` emit where none is named. */
export const DEFAULT_EVENT_NAME = 'message';
