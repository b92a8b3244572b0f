import { describe } from 'vitest';
import { podFaultsSuite } from './pod-faults-suite';

describe('on the links redis and redis-sharded', () => podFaultsSuite('redis', 'redis-sharded'));
