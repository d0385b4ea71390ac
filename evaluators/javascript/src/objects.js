// What callers are told of what is no plain value, and what they do with it. Everything is
// kept in this function, out of reach.
((tools, arrays) => {
  'use strict';
  const { FarsideArray, typed } = arrays;
  const TEXT = 200;

  // What it is, in a word.
  function kind(value) {
    if (typeof value === 'symbol') return 'symbol';
    if (typeof value === 'function') return tools.describe(value)[1].startsWith('the class') ? 'class' : 'function';
    const name = value.constructor?.name || value[Symbol.toStringTag] || 'Object';
    return value[Symbol.toStringTag] === 'Generator' ? 'Generator' : String(name);
  }
  const cut = (text) => (text.length > TEXT ? `${text.slice(0, TEXT - 1)}\u2026` : text).toWellFormed();
  const attempt = (f) => { try { return cut(f()); } catch { return ''; } };
  const tell = (value) => [attempt(() => kind(value)) || 'object', attempt(() => tools.inspect(value))];

  // Arguments by position; those by name are one object.
  const list = (args) => Array.isArray(args) ? args : [args];
  const callable = (f) => {
    if (typeof f !== 'function') throw new TypeError(`${tools.inspect(f)} is no function`);
    return f;
  };
  const invoke = (f, args) => callable(f)(...list(args));
  const attribute = (object, name) => object[name];
  function item(object, key) {
    if (object instanceof Map) return object.get(key);
    if (object instanceof FarsideArray) return object.get(...list(key));
    return typeof key === 'number' && key < 0 && typeof object?.at === 'function' ? object.at(key) : object[key];
  }
  function method(object, name, args) {
    if (typeof object[name] !== 'function') throw new TypeError(`${String(name)} is no method of ${tools.inspect(object)}`);
    return object[name](...list(args));
  }

  function items(data) {
    if (Array.isArray(data)) return data;
    if (data === null || typeof data !== 'object' || typeof data[Symbol.iterator] !== 'function')
      throw new TypeError(`there are no items in ${tools.inspect(data)}`);
    return [...data];
  }
  const isArray = (data) => data instanceof typed || data instanceof FarsideArray;
  // Results of an array are an array again, if they are numbers.
  function shaped(results, data) {
    if (!isArray(data) || !results.length) return isArray(data) && !results.length ? new Float64Array() : results;
    const before = data instanceof FarsideArray ? data.data : data;
    const fits = (make) => {
      const array = make.from(results);
      return array.every((x, place) => Object.is(x, results[place]) || x === results[place]);
    };
    if (results.every((x) => typeof x === 'number')) {
      const make = before.constructor;
      if (make === Float32Array || make === Float64Array) return make.from(results);
      const whole = typeof before[0] === 'number' && data.dtype !== 'bool' && make !== Uint8Array && make !== Uint8ClampedArray;
      return whole && fits(make) ? make.from(results) : Float64Array.from(results);
    }
    if (results.every((x) => typeof x === 'bigint') && typeof before[0] === 'bigint' && fits(before.constructor))
      return before.constructor.from(results);
    return results;
  }
  const map = (f, data) => { callable(f); return shaped(items(data).map((x) => f(x)), data); };
  function filter(f, data) {
    callable(f);
    const left = items(data).filter((x) => f(x));
    if (data instanceof typed) return data.constructor.from(left);
    if (data instanceof FarsideArray && data.ndim === 1) return new FarsideArray(left, data.dtype);
    return left;
  }
  function reduce(f, data, initial) {
    callable(f);
    const all = items(data), none = initial === null || initial === undefined;
    if (none && !all.length) throw new TypeError('there is nothing to reduce, and no initial value');
    let sum = none ? all[0] : initial;
    for (let place = none ? 1 : 0; place < all.length; place++) sum = f(sum, all[place]);
    return sum;
  }

  // The last function that a text defines, as an expression.
  const DEFINITION = /^(?:async\s+)?function\s*\*?\s*([\w$]+)|^(?:class|const|let|var)\s+([\w$]+)/gm;
  function definition(source) {
    const last = [...source.matchAll(DEFINITION)].at(-1);
    return `(() => { ${source}\n;return ${last ? last[1] ?? last[2] : 'undefined'} })()`;
  }
  function defined(value) {
    if (typeof value !== 'function') throw new TypeError('the source defines no function');
    return value;
  }

  return { ...tools, tell, invoke, attribute, item, method, map, filter, reduce, definition, defined };
})
