/** What a hub writes down of itself for others, every second. */
export interface HubStamp {
  podTag: string;
  /** For so long it is kept, in milliseconds. */
  keptForMs: number;
  /** It has taken its leave. */
  hasLeft: boolean;
  /** The store may have lost what it wrote. */
  isIncomplete: boolean;
  /** The latest of its epochs whose news are all stored; 0 where there has been none. */
  epoch: number;
}

const LEFT = 'left';
const INCOMPLETE = 'incomplete';
const EPOCH = 'epoch=';

export function writeStamp({ podTag, keptForMs, hasLeft, isIncomplete, epoch }: HubStamp): string {
  const words = [podTag, String(keptForMs)];
  if (hasLeft) words.push(LEFT);
  if (isIncomplete) words.push(INCOMPLETE);
  if (epoch > 0) words.push(`${EPOCH}${epoch}`);
  return words.join(' ');
}

/** Reads what {@link writeStamp} has written, in this version or an earlier one. */
export function readStamp(stamp: string | null): HubStamp {
  const [podTag = '', keptForMs = '0', ...words] = stamp?.split(' ') ?? [];
  const epoch = words.find((word) => word.startsWith(EPOCH))?.slice(EPOCH.length);
  return {
    podTag,
    keptForMs: Number(keptForMs),
    hasLeft: words.includes(LEFT),
    isIncomplete: words.includes(INCOMPLETE),
    epoch: Number(epoch ?? 0),
  };
}
