import { busSuite } from './suite';
import { inOneProcess, inWorkerProcesses } from './topology';

busSuite('three servers in one process', () => inOneProcess(3));
busSuite('three worker processes', () => inWorkerProcesses(3));
