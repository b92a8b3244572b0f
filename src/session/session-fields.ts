/** A session's top-level keys and the JSON text of each value. The cookie is not among them: it is kept beside. */
export type SessionFields = Map<string, string>;

/** How one state of a session differs from another, by top-level key. */
export interface FieldChanges {
  changed: string[];
  removed: string[];
}

/**
 * Reads the fields of a live session. Values that JSON leaves out (functions, `undefined`) are left out here too.
 * @throws TypeError where a value has no JSON form (a cycle, a BigInt)
 */
export function fieldsOf(session: object): SessionFields {
  const fields: SessionFields = new Map();
  for (const [key, value] of Object.entries(session)) {
    if (key === 'cookie') continue;
    const text: string | undefined = JSON.stringify(value);
    if (text !== undefined) fields.set(key, text);
  }
  return fields;
}

/** The JSON text of an object with these fields. */
export function joinFields(fields: SessionFields): string {
  const members: string[] = [];
  for (const [key, text] of fields) members.push(`${JSON.stringify(key)}:${text}`);
  return `{${members.join(',')}}`;
}

/** Takes apart what `joinFields` joined. */
export function splitFields(data: string): SessionFields {
  return fieldsOf(JSON.parse(data) as object);
}

/** What changed from one state to the other. */
export function compareFields(before: SessionFields, after: SessionFields): FieldChanges {
  const changed: string[] = [];
  for (const [key, text] of after) if (before.get(key) !== text) changed.push(key);
  const removed: string[] = [];
  for (const key of before.keys()) if (!after.has(key)) removed.push(key);
  return { changed, removed };
}

/** Puts changes, whose values stand in `from`, into another state of the same session. */
export function applyChanges(onto: SessionFields, from: SessionFields, changes: FieldChanges): SessionFields {
  const result = new Map(onto);
  for (const key of changes.removed) result.delete(key);
  for (const key of changes.changed) {
    const text = from.get(key);
    if (text !== undefined) result.set(key, text);
  }
  return result;
}
