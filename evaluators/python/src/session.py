# The functions of the session's modules, by name.
import importlib.machinery


class CallError(Exception):
    """What a function of the session failed with."""

    def __init__(self, message, code=None, hint=None, detail=None, backtrace=(), cause=None):
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint
        self.detail = detail
        self.backtrace = backtrace
        self.cause = cause
        if cause is not None:
            self.__cause__ = cause
        if hint is not None:
            self.add_note(f'hint: {hint}')


class ArgumentError(CallError, TypeError):
    """A function of the session does not take the arguments that it was given."""


def _misfit(message, hint):
    return ArgumentError(message, code='InvalidArgument', hint=hint)


def _error(failure):
    if failure['cause'] is not None:
        failure['cause'] = _error(failure['cause'])
    kind = ArgumentError if failure['code'] == 'InvalidArgument' else CallError
    return kind(**failure)


# Of each function that was bound, the names of its parameters.
_params = {}


def _arguments(name, args, named):
    """All by position, or all by name. Whether they fit, the server says."""
    if not named:
        return args
    if not args:
        return named
    params = _params.get(name)
    if params is None:
        raise _misfit(f'{name} takes arguments by position or by name, not both',
                      'the names of its parameters are not known here')
    if len(args) > len(params):
        return [*args, *named.values()]
    for param in params[:len(args)]:
        if param in named:
            raise _misfit(f'{name} got `{param}` twice', f'its parameters are {", ".join(params)}')
    return {**dict(zip(params, args)), **named}


def call(name, /, *args, **named):
    """Calls a function of the session, by its name as text: `module.function`."""
    succeeded, answer = _call(name, _arguments(name, args, named))
    if succeeded:
        return answer
    raise _error(answer)


def _function(module, name, docs, params):
    full = f'{module}.{name}'

    def function(*args, **named):
        return call(full, *args, **named)

    function.__name__, function.__qualname__ = name, full
    function.__module__, function.__doc__ = module, docs
    function.params = params
    _params[full] = params
    return function


class _Module(types.ModuleType):
    def __repr__(self):
        return f'<module {self.__name__!r} of the session>'


# The session's modules stand behind the global variables and the built-in names, which
# win, and can be imported where the library has none of that name.
_modules = {}
_builtins = frozenset(vars(builtins))


def bind(callables):
    """Lets code see the session's modules as they are; gives their version."""
    for name, module in _modules.items():
        for place in (vars(builtins), sys.modules):
            if place.get(name) is module:
                del place[name]
    _modules.clear()
    _params.clear()
    for outline in callables['modules']:
        name = outline['name']
        module = _modules[name] = _Module(name, outline['docs'])
        for function in outline['functions']:
            vars(module)[function['name']] = _function(name, **function)
        if name not in _builtins:
            vars(builtins)[name] = module
    return callables['version']


class _SessionModules:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in _modules:
            return importlib.machinery.ModuleSpec(name, _SessionModules)

    @staticmethod
    def create_module(spec):
        return _modules[spec.name]

    @staticmethod
    def exec_module(module):
        pass


sys.meta_path.append(_SessionModules)
for _made in (CallError, ArgumentError, call):
    _made.__module__ = 'farside'
    setattr(farside, _made.__name__, _made)
