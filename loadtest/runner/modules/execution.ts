import type { VirtualUser } from '../virtual-user';

/** `k6/execution`. */
export function executionModule(vu: VirtualUser) {
  const iteration = () => {
    if (!vu.iteration) throw new Error('k6/execution: there is no iteration here');
    return vu.iteration;
  };
  const execution = {
    scenario: {
      get name() {
        return iteration().scenario.name;
      },
      get executor() {
        return iteration().scenario.executor;
      },
      get startTime() {
        return iteration().scenario.startTime;
      },
      get iterationInTest() {
        return iteration().iterationInTest;
      },
      get iterationInInstance() {
        return iteration().iterationInTest;
      },
    },
    vu: {
      get idInTest() {
        return vu.id;
      },
      get idInInstance() {
        return vu.id;
      },
      get iterationInInstance() {
        return vu.iterationsDone;
      },
      get iterationInScenario() {
        return iteration().iterationInScenario;
      },
      tags: {} as Record<string, string>,
    },
    test: {
      abort: (message = 'test.abort() was called') => {
        vu.driver.abortTest(message);
        throw new Error(message);
      },
      fail: (message = 'test.fail() was called') => vu.driver.failTest(message),
      get options() {
        return vu.driver.options;
      },
    },
  };
  return { default: execution, ...execution };
}
