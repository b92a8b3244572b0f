import { type Message, MessageKind } from './protocol';

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === 'string';
const number: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const flag: Check = (value) => typeof value === 'boolean';
const list: Check = (value) => Array.isArray(value);
const texts: Check = (value) => Array.isArray(value) && value.every(text);
/** Room names are strings, but JavaScript callers also join and address rooms by number, as Socket.IO lets them. */
const room: Check = (value) => text(value) || number(value);
const rooms: Check = (value) => Array.isArray(value) && value.every(room);
const anything: Check = () => true;
const object: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null || check(value);
const shape =
  (checks: Record<string, Check>): Check =>
  (value) =>
    object(value) && Object.entries(checks).every(([key, check]) => check((value as Record<string, unknown>)[key]));

const plainPacket = shape({ type: number, data: list });

const questions: Record<string, Check> = {
  fetchSockets: anything,
  join: shape({ rooms }),
  leave: shape({ rooms }),
  leaveAll: anything,
  disconnect: shape({ close: flag }),
  serverSideEmit: shape({ args: list, acknowledge: flag }),
  broadcastWithAck: shape({ data: list, flags: object }),
};

const question: Check = (value) => {
  if (!object(value)) return false;
  const name = (value as { name?: unknown }).name;
  return typeof name === 'string' && Object.hasOwn(questions, name) && (questions[name] as Check)(value);
};

const workerRow = shape({ number, tag: text, pid: number, sockets: number, startedAt: number, version: text });

const podRow = shape({
  name: text,
  tag: text,
  state: (value) => value === 'up' || value === 'draining' || value === 'left',
  version: text,
  lastSeen: number,
  workers: (value) => list(value) && (value as unknown[]).every(workerRow),
  peer: optional(shape({ host: text, port: number })),
});

const sessionChange = shape({ op: text, sid: text, generation: number });

const messages: Record<MessageKind, Check> = {
  [MessageKind.Hello]: shape({
    uid: text,
    role: (value) => value === 'worker' || value === 'emitter',
    pid: number,
    number,
    tag: text,
    startedAt: number,
    version: text,
  }),
  [MessageKind.Welcome]: shape({ podTag: text, podName: text }),
  [MessageKind.Interest]: shape({ nsp: text, room, on: flag, seq: number }),
  [MessageKind.Confirm]: shape({ seq: number }),
  [MessageKind.Broadcast]: (value) =>
    shape({
      from: text,
      nsp: text,
      rooms,
      except: rooms,
      flags: object,
      packet: optional(plainPacket),
      seq: optional(number),
      order: optional(number),
      origin: optional(text),
    })(value) &&
    ((value as { payload?: unknown }).payload !== undefined || plainPacket((value as { packet?: unknown }).packet)),
  [MessageKind.Ask]: shape({
    id: text,
    from: text,
    nsp: text,
    question,
    target: shape({ rooms, except: rooms, ids: optional(texts) }),
    deadlineMs: number,
  }),
  [MessageKind.Part]: shape({ id: text, from: text, part: object }),
  [MessageKind.Answer]: shape({ id: text, from: text, answers: list, silent: texts }),
  [MessageKind.Call]: shape({ id: number, service: text, method: text, args: list }),
  [MessageKind.Result]: shape({ id: number, error: optional(shape({ code: text, message: text })) }),
  [MessageKind.Stats]: shape({ sockets: number }),
  [MessageKind.Members]: shape({ others: number }),
  [MessageKind.Heartbeat]: shape({ pod: podRow, greeting: flag }),
  [MessageKind.LinkChange]: shape({ up: flag }),
  [MessageKind.RecoveryBegin]: shape({
    nsp: text,
    origin: text,
    settings: shape({ maxDisconnectionDurationMs: number, maxMessages: number, maxBytes: number }),
  }),
  [MessageKind.SessionChanges]: shape({
    nsp: text,
    changes: (value) => list(value) && (value as unknown[]).every(sessionChange),
  }),
  [MessageKind.OwnEvent]: shape({
    nsp: text,
    sid: text,
    generation: number,
    seq: number,
    payload: (value) => value instanceof Uint8Array,
  }),
  [MessageKind.RecoveryRequest]: shape({ id: number, nsp: text, question: shape({ name: text }) }),
  [MessageKind.RecoveryReply]: shape({ id: number, nsp: text, answer: shape({ name: text }) }),
  [MessageKind.Evict]: shape({ id: number, nsp: text, sid: text }),
  [MessageKind.Evicted]: shape({ id: number }),
  [MessageKind.LogReached]: shape({ mark: text }),
  [MessageKind.SessionAsk]: shape({
    id: text,
    hub: text,
    nsp: text,
    key: text,
    generation: number,
    offset: optional(text),
  }),
  [MessageKind.SessionAnswer]: shape({ id: text, session: optional(object), reason: optional(text) }),
  [MessageKind.Unstored]: shape({ nsp: text, epoch: number, sids: texts }),
};

/** Whether a decoded message has the fields that its kind needs. */
export function isWellFormed(message: Record<string, unknown>): message is Message & Record<string, unknown> {
  const check = messages[message.kind as MessageKind];
  return check?.(message) ?? false;
}
