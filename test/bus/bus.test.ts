import { busSuite } from './suite';
import { inElectedWorkers, inOneProcess, inWorkerProcesses } from './topology';

busSuite('three servers in one process', () => inOneProcess(3), { ownProcesses: false });
busSuite('three worker processes', () => inWorkerProcesses(3), { ownProcesses: true });
busSuite('three worker processes that elect their hub', () => inElectedWorkers(3), { ownProcesses: true });
