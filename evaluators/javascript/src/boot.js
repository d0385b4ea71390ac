// Sets up a fresh context: what the language takes from its surroundings, and what the
// evaluator needs of the language. Everything is kept in this function, out of reach.
((native, more) => {
  'use strict';
  const { log, random, call: callNative } = native;
  const OBJECT = Object.prototype;
  const { getPrototypeOf, keys, defineProperty, getOwnPropertyNames } = Object;
  const hide = (object, name, value) =>
    defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
  hide(Math, 'random', random);

  const TYPED = {
    u8: Uint8Array, i8: Int8Array, u16: Uint16Array, i16: Int16Array, u32: Uint32Array,
    i32: Int32Array, u64: BigUint64Array, i64: BigInt64Array, f32: Float32Array,
    f64: Float64Array, bool: Uint8Array,
  };
  const DTYPES = new Map(keys(TYPED).filter((name) => name !== 'bool').map((name) => [TYPED[name], name]));
  DTYPES.set(Uint8ClampedArray, 'u8');
  const typed = getPrototypeOf(Uint8Array);

  // An n-dimensional array over one typed array in C order.
  class FarsideArray {
    constructor(source, dtype, shape) {
      if (ArrayBuffer.isView(source)) {
        this.data = source;
        this.dtype = dtype ?? DTYPES.get(source.constructor);
        this.shape = shape ?? [source.length];
      } else {
        this.shape = [];
        for (let level = source; Array.isArray(level); level = level[0]) this.shape.push(level.length);
        const flat = source.flat(this.shape.length - 1);
        this.dtype = dtype ?? (flat.every((x) => typeof x === 'boolean') && flat.length ? 'bool'
          : flat.every((x) => typeof x === 'bigint') && flat.length ? 'i64' : 'f64');
        if (!TYPED[this.dtype]) throw new TypeError(`unknown element type: ${this.dtype}`);
        this.data = TYPED[this.dtype].from(flat);
      }
      if (this.data.length !== this.shape.reduce((a, b) => a * b, 1))
        throw new RangeError(`${this.data.length} numbers do not fit shape (${this.shape})`);
    }
    get length() { return this.shape[0] ?? 0; }
    get ndim() { return this.shape.length; }
    get size() { return this.data.length; }
    #item(place) { return this.dtype === 'bool' ? this.data[place] !== 0 : this.data[place]; }
    get(...indices) {
      if (indices.length > this.shape.length) throw new RangeError('too many indices');
      let begin = 0, size = this.data.length;
      indices.forEach((index, axis) => {
        const len = this.shape[axis], place = index < 0 ? index + len : index;
        if (!Number.isInteger(place) || place < 0 || place >= len)
          throw new RangeError(`index ${index} is out of bounds for axis ${axis} with size ${len}`);
        size /= len;
        begin += place * size;
      });
      if (indices.length === this.shape.length) return this.#item(begin);
      return new FarsideArray(this.data.slice(begin, begin + size), this.dtype, this.shape.slice(indices.length));
    }
    at(...indices) { return this.get(...indices); }
    slice(start, stop) {
      const row = this.length ? this.data.length / this.length : 0;
      const clamp = (x, fallback) => x === undefined ? fallback
        : Math.min(Math.max(x < 0 ? x + this.length : x, 0), this.length);
      const from = clamp(start, 0), to = Math.max(clamp(stop, this.length), from);
      return new FarsideArray(this.data.slice(from * row, to * row), this.dtype, [to - from, ...this.shape.slice(1)]);
    }
    reshape(...shape) {
      shape = shape.flat();
      const known = shape.filter((x) => x !== -1).reduce((a, b) => a * b, 1);
      return new FarsideArray(this.data.slice(), this.dtype, shape.map((x) => x === -1 ? this.data.length / known : x));
    }
    tolist() {
      if (this.shape.length <= 1) return Array.from(this.data, (_, place) => this.#item(place));
      return Array.from({ length: this.length }, (_, place) => this.get(place).tolist());
    }
    toJSON() { return this.tolist(); }
    sum() {
      if (this.data instanceof BigInt64Array || this.data instanceof BigUint64Array) {
        let sum = 0n;
        for (const x of this.data) sum += x;
        return sum;
      }
      let sum = 0, rest = 0;
      for (let place = 0; place < this.data.length; place++) {
        const x = this.data[place], next = sum + x;
        rest += Math.abs(sum) >= Math.abs(x) ? (sum - next) + x : (x - next) + sum;
        sum = next;
      }
      return Number.isFinite(rest) ? sum + rest : sum;
    }
    mean() { return Number(this.sum()) / this.data.length; }
    min() { return this.#best((a, b) => a < b); }
    max() { return this.#best((a, b) => a > b); }
    #best(better) {
      if (!this.data.length) throw new RangeError('an array without numbers');
      let best = this.data[0];
      for (const x of this.data) if (better(x, best) || x !== x) best = x;
      return best;
    }
    map(f) {
      const array = this.data.map((x, place) => f(this.#item(place), place));
      return new FarsideArray(array, this.dtype, this.shape);
    }
    #with(other, f) {
      const big = this.data instanceof BigInt64Array || this.data instanceof BigUint64Array;
      const make = (n) => big ? new this.data.constructor(n) : this.dtype === 'f32' ? new Float32Array(n) : new Float64Array(n);
      const result = make(this.data.length);
      if (other instanceof FarsideArray) {
        if (`${other.shape}` !== `${this.shape}`)
          throw new RangeError(`arrays of shapes (${this.shape}) and (${other.shape}) do not match`);
        for (let place = 0; place < result.length; place++) result[place] = f(this.data[place], other.data[place]);
      } else {
        for (let place = 0; place < result.length; place++) result[place] = f(this.data[place], other);
      }
      return new FarsideArray(result, undefined, this.shape);
    }
    add(other) { return this.#with(other, (a, b) => a + b); }
    sub(other) { return this.#with(other, (a, b) => a - b); }
    mul(other) { return this.#with(other, (a, b) => a * b); }
    div(other) { return this.#with(other, (a, b) => a / b); }
    *[Symbol.iterator]() { for (let place = 0; place < this.length; place++) yield this.get(place); }
    toString() { return `farside.Array(${JSON.stringify(this.tolist(), (_, x) => typeof x === 'bigint' ? `${x}n` : x)}, ${this.dtype})`; }
  }
  defineProperty(FarsideArray, 'name', { value: 'Array' });

  // What a function of the session failed with.
  class CallError extends Error {
    constructor({ code, message, hint, backtrace, detail, cause }) {
      super(message);
      const more = { code, hint, backtrace, detail };
      keys(more).forEach((name) => hide(this, name, more[name]));
      if (cause) hide(this, 'cause', new CallError(cause));
    }
  }
  hide(CallError.prototype, 'name', 'CallError');

  // Calls a function of the session: with a list of arguments, or an object by name.
  function call(name, args = []) {
    const [succeeded, result] = callNative(tools, String(name), args);
    if (succeeded) return result;
    throw new CallError(result);
  }
  hide(globalThis, 'farside', { Array: FarsideArray, CallError, call });

  // The session's modules stand behind the global variables, which win.
  const modules = Object.create(OBJECT);
  Object.setPrototypeOf(globalThis, modules);
  class Module {}
  function bind(callables) {
    getOwnPropertyNames(modules).forEach((name) => delete modules[name]);
    for (const { name, functions } of callables.modules) {
      const module = new Module();
      for (const { name: short, docs, params } of functions) {
        const full = `${name}.${short}`;
        const proxy = (...args) => call(full, args);
        hide(proxy, 'name', full);
        hide(proxy, 'docs', docs);
        hide(proxy, 'params', params);
        hide(proxy, 'named', (args) => call(full, args));
        defineProperty(module, short, { value: proxy, writable: true, configurable: true, enumerable: true });
      }
      hide(modules, name, module);
    }
    return callables.version;
  }

  const name = (value) => value.name ? ` ${String(value.name)}` : '';
  const PLAIN = null;

  // What an object is for the wire: null for a plain one, or how it is written.
  function describe(value) {
    if (typeof value === 'function')
      return ['no', /^class\b/.test(Function.prototype.toString.call(value)) ? `the class${name(value)}` : `the function${name(value)}`];
    const prototype = getPrototypeOf(value);
    if (prototype === OBJECT || prototype === null) {
      if (prototype !== null && value[Symbol.toStringTag] !== undefined) return ['no', `the object ${value[Symbol.toStringTag]}`];
      return PLAIN;
    }
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? ['no', 'an invalid Date'] : ['date', value.getTime()];
    if (value instanceof Map) return ['map', [...value].flat(1)];
    if (value instanceof Set) return ['list', [...value]];
    if (value instanceof FarsideArray) return ['array', value.dtype, value.shape, bytes(value.data)];
    if (value instanceof Uint8Array || value instanceof Uint8ClampedArray) return ['bytes', bytes(value)];
    if (value instanceof typed) {
      const dtype = DTYPES.get(value.constructor);
      return dtype ? ['array', dtype, [value.length], bytes(value)] : ['no', `a ${value.constructor.name}`];
    }
    if (value instanceof ArrayBuffer) return ['bytes', new Uint8Array(value)];
    if (value instanceof DataView) return ['bytes', bytes(value)];
    if (value instanceof Number || value instanceof String || value instanceof Boolean) return ['value', value.valueOf()];
    const tag = value[Symbol.toStringTag];
    const owner = value.constructor;
    const type = typeof owner === 'function' && owner.name ? owner.name : typeof tag === 'string' ? tag : 'Object';
    return ['no', `an object of ${tag === 'Generator' ? 'Generator' : type}`];
  }
  const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

  // Makes what the wire has and a literal has not.
  const build = {
    date: (milliseconds) => new Date(milliseconds),
    hex: (value) => value.toString(16),
    mend: (text) => text.toWellFormed(),
    bigint: (text) => BigInt(text),
    negative: (text) => -BigInt(text),
    entries: (flat) => {
      const map = new Map();
      for (let place = 0; place < flat.length; place += 2) map.set(flat[place], flat[place + 1]);
      return map;
    },
    array: (dtype, shape, block) => {
      const data = new TYPED[dtype](block.buffer);
      return shape.length === 1 && dtype !== 'bool' ? data : new FarsideArray(data, dtype, shape);
    },
  };

  const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
  const quote = (text) => {
    const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes('`') ? '`' : "'";
    const inner = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
    return mark + (mark === "'" ? inner.replaceAll("'", "\\'") : mark === '"' ? inner.replaceAll('"', '\\"') : inner) + mark;
  };
  function list(open, items, close, total, depth) {
    if (total > items.length) items.push(`... ${total - items.length} more item${total - items.length > 1 ? 's' : ''}`);
    if (!items.length) return open + close;
    const line = `${open} ${items.join(', ')} ${close}`;
    if (line.length + depth * 2 <= 76 && !line.includes('\n')) return line;
    const indent = '  '.repeat(depth + 1);
    return `${open}\n${indent}${items.join(`,\n${indent}`)}\n${'  '.repeat(depth)}${close}`;
  }
  // A value as node's shell shows it, near enough.
  function inspect(value, depth = 0, around = []) {
    switch (typeof value) {
      case 'string': return quote(value);
      case 'bigint': return `${value}n`;
      case 'symbol': return value.toString();
      case 'function': {
        const text = describe(value)[1];
        return text.startsWith('the class') ? `[class${text.slice(9) || ' (anonymous)'}]` : `[Function${value.name ? `: ${value.name}` : ' (anonymous)'}]`;
      }
      case 'object': break;
      default: return Object.is(value, -0) ? '-0' : String(value);
    }
    if (value === null) return 'null';
    if (around.includes(value)) return '[Circular *1]';
    if (value instanceof Error) return String(value.stack ? `${value}\n${value.stack}` : value).trimEnd();
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof RegExp) return String(value);
    if (value instanceof FarsideArray) return value.toString();
    const inner = [...around, value];
    const show = (x) => inspect(x, depth + 1, inner);
    if (value instanceof Promise) return 'Promise {}';
    if (Array.isArray(value)) {
      if (depth > 2) return '[Array]';
      const items = Array.from(value.slice(0, 100), show);
      return list('[', items, ']', value.length, depth);
    }
    if (value instanceof typed) {
      const items = Array.from(value.slice(0, 100), show);
      return list(`${value.constructor.name}(${value.length}) [`, items, ']', value.length, depth);
    }
    if (value instanceof Map) return list(`Map(${value.size}) {`, [...value].slice(0, 100).map(([k, v]) => `${show(k)} => ${show(v)}`), '}', value.size, depth);
    if (value instanceof Set) return list(`Set(${value.size}) {`, [...value].slice(0, 100).map(show), '}', value.size, depth);
    const prototype = getPrototypeOf(value);
    const owner = prototype === null ? '[Object: null prototype] '
      : prototype !== OBJECT && typeof value.constructor === 'function' ? `${value.constructor.name} ` : '';
    if (depth > 2) return `[${owner.trim() || 'Object'}]`;
    const all = keys(value);
    const items = all.slice(0, 100).map((key) => `${IDENTIFIER.test(key) ? key : quote(key)}: ${show(value[key])}`);
    return list(`${owner}{`, items, '}', all.length, depth);
  }

  // console.log's own patterns, then all else.
  function format(values) {
    let text = '';
    let rest = values;
    if (typeof values[0] === 'string' && values.length > 1 && values[0].includes('%')) {
      let next = 1;
      text = values[0].replace(/%([sdifjoOc%])/g, (all, kind) => {
        if (kind === '%') return '%';
        if (next >= values.length) return all;
        const value = values[next++];
        switch (kind) {
          case 's': return typeof value === 'string' ? value : inspect(value);
          case 'd': return String(Number(value));
          case 'i': return String(Number.parseInt(value));
          case 'f': return String(Number.parseFloat(value));
          case 'j': return JSON.stringify(value);
          case 'c': return '';
          default: return inspect(value);
        }
      });
      rest = values.slice(next);
      if (!rest.length) return text;
      text += ' ';
    }
    return text + rest.map((value) => typeof value === 'string' ? value : inspect(value)).join(' ');
  }
  const [ERROR, WARN, INFO, DEBUG] = [1, 2, 3, 4];
  const to = (level) => (...values) => log(level, format(values));
  const console = {
    log: to(INFO), info: to(INFO), debug: to(DEBUG), warn: to(WARN), error: to(ERROR), dir: to(INFO),
    trace: to(ERROR),
    assert: (held, ...values) => { if (!held) log(ERROR, `Assertion failed${values.length ? `: ${format(values)}` : ''}`); },
  };
  hide(globalThis, 'console', console);

  // Names that could stand where this one begins.
  function candidates(prefix) {
    const dot = prefix.lastIndexOf('.');
    if (dot < 0) return [globalThis, modules].flatMap(getOwnPropertyNames).filter((name) => name.startsWith(prefix));
    const path = prefix.slice(0, dot).split('.');
    let object = globalThis;
    for (const step of path) object = object?.[step];
    const names = new Set();
    for (let level = Object(object ?? {}); level && level !== OBJECT; level = getPrototypeOf(level))
      getOwnPropertyNames(level).forEach((name) => { if (IDENTIFIER.test(name)) names.add(name); });
    const start = prefix.slice(dot + 1);
    return [...names].filter((name) => name.startsWith(start)).map((name) => `${path.join('.')}.${name}`);
  }

  const tools = more({ describe, inspect, candidates, bind, ...build }, { FarsideArray, typed });
  return tools;
})
