# What the evaluator needs of the language.
import array
import builtins
import collections
import datetime
import linecache
import random
import traceback
import types

import farside

# What most code uses is in the image.
for _name in (
    'abc ast base64 bisect calendar collections.abc contextlib copy csv dataclasses decimal '
    'enum fractions functools hashlib heapq html inspect io itertools json math numbers '
    'operator os pprint re statistics string struct textwrap time typing unicodedata uuid'
).split():
    __import__(_name)

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_TYPES = {
    type({}.keys()), type({}.values()), type({}.items()), range, collections.deque,
}
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
_MAPS = (collections.UserDict, collections.ChainMap, types.MappingProxyType)


def moment(seconds, nanoseconds):
    """A point in time as the language has it."""
    return _EPOCH + datetime.timedelta(seconds=seconds, microseconds=nanoseconds // 1000)


def describe(value):
    """What to write for an object that is no plain value, or what it is."""
    kind = type(value)
    if kind in _TYPES:
        return 'value', list(value)
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        since = value - _EPOCH
        return 'moment', since.days * 86400 + since.seconds, since.microseconds * 1000
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return 'value', value.isoformat()
    if isinstance(value, _MAPS):
        return 'value', dict(value)
    if kind is array.array:
        names = {'b': 'i8', 'B': 'u8', 'h': 'i16', 'H': 'u16', 'i': 'i32', 'I': 'u32',
                 'l': 'i32', 'L': 'u32', 'q': 'i64', 'Q': 'u64', 'f': 'f32', 'd': 'f64'}
        if value.typecode in names:
            return 'value', farside.Array(value.tolist(), names[value.typecode])
    if isinstance(value, type):
        return 'no', f'the class {value.__qualname__}'
    if isinstance(value, types.ModuleType):
        return 'no', f'the module {value.__name__}'
    if isinstance(value, _FUNCTIONS):
        return 'no', f'the function {value.__qualname__}'
    article = 'an' if kind.__name__[:1] in 'aeioAEIO' else 'a'
    return 'no', f'{article} {kind.__qualname__}'


def _updatecache(filename, module_globals=None):
    text = _source(filename)
    # Not cached: another text gets the same name after a reset.
    return [] if text is None else [line + '\n' for line in text.split('\n')]


def _lazycache(filename, module_globals):
    return False


linecache.updatecache = _updatecache
linecache.lazycache = _lazycache


def format_error(error):
    """The class, the message, and what the shell would print."""
    kind = type(error)
    if isinstance(error, SyntaxError):
        message = str(error.msg)
    elif isinstance(error, KeyError) and len(error.args) == 1:
        message = repr(error.args[0])
    else:
        message = str(error)
    name = kind.__qualname__
    if kind.__module__ not in ('builtins', '__main__'):
        name = f'{kind.__module__}.{name}'
    told = traceback.TracebackException(kind, error, error.__traceback__, compact=True)
    # What the evaluator itself does explains nothing.
    every = [told]
    for one in every:
        one.stack[:] = [frame for frame in one.stack if frame.filename != '<boot>']
        every += filter(None, (one.__cause__, one.__context__, *(one.exceptions or ())))
    return name, message, ''.join(told.format()).rstrip('\n')


def wake():
    """Makes random numbers begin elsewhere than in other sessions."""
    random.seed(int.from_bytes(_random(32), 'little'))


def names(variables, prefix):
    """Names that begin like this."""
    path, dot, start = prefix.rpartition('.')
    if dot:
        first, *rest = path.split('.')
        if first in variables:
            value = variables[first]
        else:
            value = getattr(builtins, first, None)
        for step in rest:
            value = getattr(value, step, None)
        found = dir(value)
    else:
        found = {*variables, *vars(builtins)}
    hidden = {'__conditional_annotations__', '__builtins__'}
    return sorted(
        path + dot + name
        for name in found
        if name.startswith(start) and name not in hidden
        and (start.startswith('_') or not name.startswith('_'))
    )
