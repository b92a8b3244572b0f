import { faultsSuite } from './faults-suite';

faultsSuite('redis-streams');
