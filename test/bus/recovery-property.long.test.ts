import { recoveryHistories } from './recovery-history';

recoveryHistories({ seeds: [2, 3, Math.floor(Math.random() * 2 ** 32)], steps: 600 });
