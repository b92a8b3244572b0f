import type { WorkerRow } from './fleet';

/** A service in the hub's process that workers can call, e.g. the pod's session store. Arguments and result are plain data (msgpack); buffers survive. */
export type HubService = (method: string, args: unknown[], worker: WorkerRow) => Promise<unknown> | unknown;
