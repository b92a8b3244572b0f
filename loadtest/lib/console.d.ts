/** Part of k6's runtime that its type package leaves to a browser's types. */
declare const console: {
  log(message: string): void;
  warn(message: string): void;
  error(message: string): void;
};
