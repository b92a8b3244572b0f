import { describe } from 'vitest';
import { podFaultsSuite } from './pod-faults-suite';

describe('on the link redis-streams', () => podFaultsSuite('redis-streams'));
