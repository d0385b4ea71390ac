# What callers are told of what is no plain value, what they do with it, and functions that
# they send as text.
import ast
import functools
import re
import textwrap

# Most characters of a kind and of a text.
_KIND = 50
_TEXT = 200
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


def _items(data):
    if isinstance(data, farside.Array) and data.ndim == 1:
        return data.tolist()
    return data


def _map(function, data):
    results = list(map(_checked(function), _items(data)))
    if not isinstance(data, farside.Array):
        return results
    # Results of an array are an array again, if they are numbers.
    kinds = set(map(type, results))
    if not kinds <= {int, float}:
        return results
    try:
        return farside.Array(results, 'i64' if kinds == {int} else 'f64')
    except OverflowError:
        return results


def _filter(function, data):
    left = list(filter(_checked(function), _items(data)))
    if isinstance(data, farside.Array) and data.ndim == 1:
        return farside.Array(left, data.dtype)
    return left


def _reduce(function, data, initial):
    _checked(function)
    items = iter(_items(data))
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
