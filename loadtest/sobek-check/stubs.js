// In place of every k6 module: each name that scripts import, doing as little as is needed to load and check them.
const timers = [];

export class WebSocket {
  constructor(url) {
    this.url = url;
    this.listeners = {};
    this.sent = [];
    WebSocket.last = this;
  }
  addEventListener(event, listener) {
    this.listeners[event] = listener;
  }
  send(data) {
    this.sent.push(data);
  }
  close() {}
}

class Metric {
  constructor(name) {
    this.name = name;
  }
  add() {}
}
export class Counter extends Metric {}
export class Gauge extends Metric {}
export class Rate extends Metric {}
export class Trend extends Metric {}

export class CookieJar {
  cookiesForURL() {
    return {};
  }
  set() {}
}

export function setTimeout(callback) {
  timers.push(callback);
  return timers.length;
}
export function clearTimeout() {}
export function setInterval() {
  return 0;
}
export function clearInterval() {}
export function check() {
  return true;
}
export function group(_name, call) {
  return call();
}
export function sleep() {}
export function fail(message) {
  throw new Error(message);
}
export function SharedArray(_name, make) {
  return make();
}
export function b64encode(text) {
  return text;
}
export function b64decode(text) {
  return text;
}

export default {
  CookieJar,
  cookieJar: () => new CookieJar(),
  asyncRequest: () => new Promise(() => {}),
  request: () => ({ status: 200, json: () => ({}) }),
  scenario: { iterationInTest: 0, name: 'scenario' },
  test: { fail: () => {}, abort: () => {} },
  vu: { idInTest: 1 },
};
