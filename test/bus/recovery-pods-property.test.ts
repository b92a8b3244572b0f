import { recoveryHistories } from './recovery-history';
import { threePods } from './recovery-pods-fleet';

recoveryHistories({ seeds: [1, Math.floor(Math.random() * 2 ** 32)], steps: 100, startFleet: threePods });
