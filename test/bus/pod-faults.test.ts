import { describe } from 'vitest';
import { podFaultsSuite } from './pod-faults-suite';

describe('on the default link', () => podFaultsSuite());
