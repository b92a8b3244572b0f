/** What of `Map` and `WeakMap` is needed here. */
interface Entries<Key, Entry> {
  get(key: Key): Entry | undefined;
  set(key: Key, entry: Entry): unknown;
  delete(key: Key): boolean;
}

/**
 * Values by keys of which nearly all have one value: a set is made with the second only, as a set takes five times the memory
 * of what it would hold here.
 */
export class MostlyOne<Key, Value extends object> {
  constructor(private readonly entries: Entries<Key, Value | Set<Value>>) {}

  add(key: Key, value: Value): void {
    const before = this.entries.get(key);
    if (before instanceof Set) before.add(value);
    else if (before === undefined) this.entries.set(key, value);
    else if (before !== value) this.entries.set(key, new Set([before, value]));
  }

  delete(key: Key, value: Value): void {
    const before = this.entries.get(key);
    if (before instanceof Set) {
      before.delete(value);
      if (before.size === 0) this.entries.delete(key);
    } else if (before === value) this.entries.delete(key);
  }

  of(key: Key): readonly Value[] {
    const found = this.entries.get(key);
    if (found === undefined) return [];
    return found instanceof Set ? [...found] : [found];
  }
}
