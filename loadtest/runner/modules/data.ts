/** `k6/data`: an array that nobody can change. Each process has its own copy. */
export function dataModule(shared: Map<string, readonly unknown[]>) {
  function SharedArray(name: string, make: () => unknown[]): readonly unknown[] {
    let array = shared.get(name);
    if (!array) {
      array = deepFreeze(JSON.parse(JSON.stringify(make())) as unknown[]);
      shared.set(name, array);
    }
    return array;
  }
  return { SharedArray };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
