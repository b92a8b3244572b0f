import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BusCounters } from '../../dist/bus/counters';
import { Hub } from '../../dist/bus/hub/hub';
import { type Ask, type Message, MessageKind, type Question } from '../../dist/bus/protocol';
import { createInProcessPorts } from '../../dist/bus/transport/in-process-port';
import type { Port } from '../../dist/bus/transport/port';
import { quietLog } from './topology';

/** A worker without a server: what it sends, and what it gets. */
interface StandIn {
  port: Port;
  got: Message[];
}

describe('the hub', () => {
  let hub: Hub;
  let asker: StandIn;
  let other: StandIn;

  beforeEach(() => {
    hub = new Hub({ podTag: 'abcd', podName: 'pod', log: quietLog });
    asker = attach('asker', 1);
    other = attach('other', 2);
  });
  afterEach(() => hub.close());

  function attach(uid: string, number: number): StandIn {
    const [port, theirs] = createInProcessPorts(new BusCounters(quietLog));
    const got: Message[] = [];
    port.listen({ onMessage: (message) => got.push(message), onClose: () => undefined });
    hub.attach(theirs);
    const hello = { pid: 1, number, tag: `A${number}`, startedAt: 0, version: '0' };
    port.send({ kind: MessageKind.Hello, uid, role: 'worker', ...hello });
    return { port, got };
  }

  function ask(question: Question): void {
    const target = { rooms: ['room'], except: [] };
    asker.port.send({ kind: MessageKind.Ask, id: 'q', from: 'asker', nsp: '/', question, target, deadlineMs: 60_000 });
  }
  const asked = () => other.got.filter((message): message is Ask => message.kind === MessageKind.Ask);
  const answers = () => asker.got.filter(({ kind }) => kind === MessageKind.Answer);

  it.each<[string, Question]>([
    ['join', { name: 'join', rooms: ['next'] }],
    ['leave', { name: 'leave', rooms: ['room'] }],
    ['leaveAll', { name: 'leaveAll' }],
    ['disconnect', { name: 'disconnect', close: true }],
  ])(
    'passes the order to %s on to workers whose announcement may be under way, and does not wait for them',
    (name, question) => {
      ask(question);
      expect(asked().map((message) => message.question.name)).toEqual([name]);
      expect(answers()).toHaveLength(1);
    },
  );

  it('does not ask who has nobody', () => {
    ask({ name: 'fetchSockets' });
    expect(asked()).toEqual([]);
    expect(answers()).toHaveLength(1);
    expect(hub.openQuestions).toBe(0);
  });
});
