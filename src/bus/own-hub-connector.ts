import type { Connector } from './connector';
import type { BusCounters } from './counters';
import type { Hub } from './hub/hub';
import { createInProcessPorts } from './transport/in-process-port';
import type { Port } from './transport/port';

/** The connector of a process that is its own hub. */
export class OwnHubConnector implements Connector {
  constructor(
    readonly hub: Hub,
    private readonly counters: BusCounters,
  ) {}

  get isAlone(): boolean {
    return this.hub.linkStatus() === undefined;
  }

  connectNow(): Port {
    const [ours, theirs] = createInProcessPorts(this.counters);
    this.hub.attach(theirs);
    return ours;
  }

  async connect(): Promise<Port> {
    return this.connectNow();
  }

  hubSnapshot() {
    const { hub, link } = this.hub.snapshot();
    return { hub, link };
  }

  close(): Promise<void> {
    return this.hub.close();
  }
}
