import { recoveryHistories } from './recovery-history';
import { threePods } from './recovery-pods-fleet';

const seeds = [11, 12, Math.floor(Math.random() * 2 ** 32)];
recoveryHistories({ seeds, steps: 400, startFleet: threePods });
