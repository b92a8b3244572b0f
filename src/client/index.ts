export { createClient } from './create-client';
export type {
  ConnectionSettings,
  Jwr,
  RequestCallback,
  RequestOptions,
  SailsIo,
  SailsSettings,
  SailsSocket,
} from './types';
