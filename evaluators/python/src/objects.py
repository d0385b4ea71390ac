# What callers are told of what is no plain value, what they do with it, and functions that
# they send as text.
import ast
import functools
import itertools
import re
import textwrap

# Most characters of a kind and of a text.
_KIND = 50
_TEXT = 200
# How many numbers of an array are taken at a time.
_PIECE = 4096
_ADDRESS = re.compile(r' at 0x[0-9a-fA-F]+')


def _cut(text, length):
    if len(text) > length:
        text = text[:length - 1] + '\u2026'
    return text.encode('utf-8', 'replace').decode('utf-8')


def tell(value):
    """What an object is, in a word, and how it looks."""
    kind = type(value)
    if issubclass(kind, type):
        name = 'class'
    elif issubclass(kind, _FUNCTIONS):
        name = 'function'
    elif issubclass(kind, types.ModuleType):
        name = 'module'
    else:
        name = kind.__name__
    try:
        text = _ADDRESS.sub('', repr(value))
    except Exception:
        text = ''
    return _cut(name, _KIND), _cut(text, _TEXT)


def _checked(function):
    if not callable(function):
        raise TypeError(f'{type(function).__name__!r} object is not callable')
    return function


def _invoke(function, arguments):
    """Arguments are a list by position, or a dictionary by name."""
    try:
        if isinstance(arguments, dict):
            return function(**arguments)
        return function(*arguments)
    except StopIteration as stop:
        if stop.args:
            raise
        raise StopIteration('there are no more items') from None


def _item(value, key):
    # A list is no index, and a key that is a list reads as a tuple.
    return value[tuple(key) if isinstance(key, list) else key]


def _method(value, name, arguments):
    return _invoke(getattr(value, name), arguments)


def _pieces(data):
    """Items in pieces, so that few of an array's numbers are objects at a time."""
    if isinstance(data, farside.Array) and data.ndim == 1:
        for begin in range(0, len(data), _PIECE):
            yield data[begin:begin + _PIECE].tolist()
    else:
        yield data


def _numbers(values):
    """An array, if all values are integers of 64 bits, or all are floats."""
    kinds = set(map(type, values))
    try:
        if kinds == {int}:
            return farside.Array(values, 'i64')
        if kinds == {float}:
            return farside.Array(values, 'f64')
    except OverflowError:
        pass


def _map(function, data):
    # Not the built-in `map`, which takes a StopIteration of the function for its end.
    _checked(function)
    if not isinstance(data, farside.Array):
        return [function(item) for item in data]
    # Results of an array are an array again, if they are numbers.
    array, results, begin = None, [], 0
    for piece in _pieces(data):
        piece = [function(item) for item in piece]
        end = begin + len(piece)
        numbers = None if results else _numbers(piece)
        if numbers is not None and begin == 0:
            array = farside.zeros(len(data), numbers.dtype)
        if numbers is not None and numbers.dtype == array.dtype:
            array[begin:end] = numbers
        else:
            if begin and not results:
                results = array[:begin].tolist()
            results += piece
        begin = end
    if not results:
        return farside.Array([], 'f64') if array is None else array
    if set(map(type, results)) != {int, float}:
        return results
    try:
        return farside.Array(results, 'f64')
    except OverflowError:
        return results


def _filter(function, data):
    _checked(function)
    if not isinstance(data, farside.Array) or data.ndim != 1:
        return [item for item in data if function(item)]
    chosen, begin = farside.zeros(len(data), 'bool'), 0
    for piece in _pieces(data):
        end = begin + len(piece)
        chosen[begin:end] = farside.Array([bool(function(item)) for item in piece], 'bool')
        begin = end
    return data[chosen]


def _reduce(function, data, initial):
    _checked(function)
    items = itertools.chain.from_iterable(_pieces(data))
    if initial is None:
        try:
            initial = next(items)
        except StopIteration:
            raise TypeError('there is nothing to reduce, and no initial value') from None
    return functools.reduce(function, items, initial)


USES = {
    'invoke': _invoke, 'attribute': getattr, 'item': _item, 'method': _method,
    'map': _map, 'filter': _filter, 'reduce': _reduce,
}


# What is in front of a name that is given inside of a text that is sent as a function.
_AROUND = '<module>.<locals>.'


def define(source, variables):
    """The function that a text defines: the last one, if there are several."""
    if source[:1].isspace():
        source = textwrap.dedent(source)
    name = _keep(source)
    tree = compile(source, name, 'exec', ast.PyCF_ONLY_AST)
    for value in reversed(_defined(tree, name, variables)):
        if callable(value):
            if isinstance(value, (types.FunctionType, type)):
                name = value.__qualname__
                if name.startswith(_AROUND):
                    value.__qualname__ = name.removeprefix(_AROUND)
            return value
    raise TypeError('the source defines no function')


def _defined(tree, name, variables):
    """What a text gives names to, and the value of its last statement."""
    names = []
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(statement.name)
        elif isinstance(statement, ast.Assign):
            names += [target.id for target in statement.targets if isinstance(target, ast.Name)]
    results = [ast.Name(one, ast.Load()) for one in names]
    body = list(tree.body)
    if body and isinstance(body[-1], ast.Expr):
        results.append(body.pop().value)
    # A function around all of it: what is named in there stays in there, is seen by what
    # is defined there, and the session's variables are seen, too.
    around = ast.parse('def around(): pass')
    function = around.body[0]
    function.name = '<module>'
    future = [one for one in body if isinstance(one, ast.ImportFrom) and one.module == '__future__']
    function.body = [one for one in body if one not in future]
    function.body.append(ast.Return(ast.Tuple(results, ast.Load())))
    around.body[:0] = future
    made = {}
    exec(compile(ast.fix_missing_locations(around), name, 'exec'), variables, made)
    return made['<module>']()
