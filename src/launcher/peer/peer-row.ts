import type { PeerAddress } from '../../bus/fleet';

/** Another pod, as the primary tells its workers. */
export interface PeerRow {
  tag: string;
  name: string;
  /** Where it takes passed-on requests; `null` where it takes none. */
  address: PeerAddress | null;
  /** Whether it was told to stop. */
  isDraining: boolean;
}
