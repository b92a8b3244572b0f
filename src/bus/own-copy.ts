/** V8 keeps shorter parts of strings as strings of their own. */
const SHORTEST_VIEW = 13;

/**
 * The same text in memory of its own. What a decoder gives is often a view of everything that it has decoded, and would keep
 * all of that for as long as it is kept itself.
 */
export function ownCopy(text: string): string {
  return text.length < SHORTEST_VIEW ? text : Buffer.from(text).toString();
}
