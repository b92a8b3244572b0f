import { recoveryHistories } from './recovery-history';

recoveryHistories({ seeds: [1, Math.floor(Math.random() * 2 ** 32)], steps: 100 });
