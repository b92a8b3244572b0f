import { randomHistories } from './random-history';

randomHistories({ seeds: [1, 2, 3, Math.floor(Math.random() * 2 ** 32)], steps: 150 });
