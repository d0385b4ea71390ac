# The system that the sandbox has not, as far as the standard library needs it. These names
# are from outside: _out, _err, _random, _now, _source, _keep, _call.
import sys


class _Stream:
    encoding = 'utf-8'
    errors = 'strict'
    newlines = None
    closed = False
    line_buffering = True

    def __init__(self, write, name):
        self.write = write
        self.name = name

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        pass

    def close(self):
        pass

    def isatty(self):
        return False

    def readable(self):
        return False

    def writable(self):
        return True

    def seekable(self):
        return False

    def fileno(self):
        raise OSError('there are no files in the sandbox')


class _NoInput(_Stream):
    def __init__(self):
        self.name = '<stdin>'

    def write(self, text):
        raise OSError('not writable')

    def read(self, size=-1):
        return ''

    def readline(self, size=-1):
        return ''

    def __iter__(self):
        return iter(())

    def readable(self):
        return True

    def writable(self):
        return False


sys.stdout = sys.__stdout__ = _Stream(_out, '<stdout>')
sys.stderr = sys.__stderr__ = _Stream(_err, '<stderr>')
sys.stdin = sys.__stdin__ = _NoInput()
sys.argv = ['']


def _no_system(name, what='files'):
    def absent(*args, **kwargs):
        raise PermissionError(1, f'there are no {what} in the sandbox: {name}()')

    absent.__name__ = absent.__qualname__ = name
    return absent


def _make_posix():
    import types

    module = types.ModuleType('posix', 'No operating system: the sandbox has none.')
    names = vars(module)
    for name in (
        'stat lstat fstat listdir scandir mkdir rmdir remove unlink rename replace open '
        'close read write readlink symlink link chmod chown utime access chdir pipe dup dup2 '
        'lseek ftruncate truncate fsync statvfs umask get_terminal_size set_inheritable '
        'get_inheritable'
    ).split():
        names[name] = _no_system(name)
    for name in 'fork execv execve kill waitpid system'.split():
        names[name] = _no_system(name, 'processes')

    def fspath(path):
        if isinstance(path, (str, bytes)):
            return path
        try:
            convert = type(path).__fspath__
        except AttributeError:
            text = 'expected str, bytes or os.PathLike object, not '
            raise TypeError(text + type(path).__name__) from None
        return convert(path)

    def _exit(code=0):
        raise SystemExit(code)

    class terminal_size(tuple):
        columns = property(lambda self: self[0])
        lines = property(lambda self: self[1])

    class stat_result(tuple):
        pass

    class DirEntry:
        pass

    for made in (terminal_size, stat_result, DirEntry):
        made.__module__ = 'os'
    names.update(
        environ={}, error=OSError, fspath=fspath, strerror=lambda number: f'Error {number}',
        _exit=_exit, getcwd=lambda: '/', getcwdb=lambda: b'/', getpid=lambda: 1,
        getppid=lambda: 0, getuid=lambda: 0, geteuid=lambda: 0, getgid=lambda: 0,
        getegid=lambda: 0, cpu_count=lambda: 1, urandom=_random, isatty=lambda number: False,
        putenv=_no_system('putenv', 'environment variables'),
        unsetenv=_no_system('unsetenv', 'environment variables'),
        register_at_fork=lambda **hooks: None, _have_functions=[],
        F_OK=0, R_OK=4, W_OK=2, X_OK=1, O_RDONLY=0, O_WRONLY=1, O_RDWR=2, O_CREAT=64,
        O_EXCL=128, O_TRUNC=512, O_APPEND=1024, O_NONBLOCK=2048, O_CLOEXEC=524288, EX_OK=0,
        P_WAIT=0, P_NOWAIT=1, WNOHANG=1, terminal_size=terminal_size,
        stat_result=stat_result, DirEntry=DirEntry,
    )
    sys.modules['posix'] = module
    if 'posix' not in sys.builtin_module_names:
        sys.builtin_module_names += ('posix',)


def _make_errno():
    import errno

    numbers = dict(
        EPERM=1, ENOENT=2, ESRCH=3, EINTR=4, EIO=5, EBADF=9, ECHILD=10, EAGAIN=11,
        EWOULDBLOCK=11, ENOMEM=12, EACCES=13, EFAULT=14, EBUSY=16, EEXIST=17, EXDEV=18,
        ENODEV=19, ENOTDIR=20, EISDIR=21, EINVAL=22, EMFILE=24, ENOSPC=28, ESPIPE=29, EROFS=30,
        EPIPE=32, EDOM=33, ERANGE=34, ENAMETOOLONG=36, ENOSYS=38, ENOTEMPTY=39, ELOOP=40,
        EOVERFLOW=75, EOPNOTSUPP=95, ENOTSUP=95, ECONNABORTED=103, ECONNRESET=104, EISCONN=106,
        ENOTCONN=107, ESHUTDOWN=108, ETIMEDOUT=110, ECONNREFUSED=111, EALREADY=114,
        EINPROGRESS=115, ECANCELED=125,
    )
    vars(errno).update(numbers, errorcode={number: name for name, number in numbers.items()})


def _make_signal():
    import types

    module = types.ModuleType('_signal', 'No signals: the sandbox has none.')
    vars(module).update(
        SIG_DFL=0, SIG_IGN=1, SIGINT=2, SIGTERM=15, SIGABRT=6, SIGFPE=8, SIGILL=4, SIGSEGV=11,
        NSIG=65, signal=_no_system('signal', 'signals'), getsignal=lambda number: 0,
        default_int_handler=lambda *args: None, set_wakeup_fd=lambda *args, **kwargs: -1,
        raise_signal=_no_system('raise_signal', 'signals'), strsignal=lambda number: None,
        valid_signals=lambda: set(),
    )
    sys.modules['_signal'] = module


def _make_time():
    import time

    native = {name: getattr(time, name) for name in ('localtime', 'gmtime', 'strftime', 'asctime')}

    def wall():
        return _now() / 1e9

    def sleep(seconds):
        seconds = float(seconds)
        if seconds < 0:
            raise ValueError('sleep length must be non-negative')
        begin = last = _now()
        stood = 0
        # A clock that stands still would never let it wake.
        while last - begin < seconds * 1e9 and stood < 1000:
            now = _now()
            stood = stood + 1 if now == last else 0
            last = now

    time.time = time.monotonic = time.perf_counter = wall
    time.process_time = time.thread_time = wall
    time.time_ns = time.monotonic_ns = time.perf_counter_ns = _now
    time.process_time_ns = time.thread_time_ns = _now
    time.sleep = sleep
    time.gmtime = lambda seconds=None: native['gmtime'](wall() if seconds is None else seconds)
    time.localtime = lambda seconds=None: native['gmtime'](wall() if seconds is None else seconds)
    time.asctime = lambda moment=None: native['asctime'](time.localtime() if moment is None else moment)
    time.ctime = lambda seconds=None: time.asctime(time.localtime(seconds))
    time.strftime = lambda form, moment=None: native['strftime'](
        form, time.localtime() if moment is None else moment)
    time.timezone = time.altzone = time.daylight = 0
    time.tzname = ('UTC', 'UTC')
    # The native one reads a clock that is not there; the one in Python asks `time`.
    sys.modules['_datetime'] = None


def _make_threads():
    import _thread

    def start(*args, **kwargs):
        raise RuntimeError('there are no threads in the sandbox')

    _thread.start_new_thread = _thread.start_joinable_thread = start


def _make_files():
    import builtins
    import io

    def open(file, *args, **kwargs):
        raise PermissionError(1, f'there are no files in the sandbox: open({file!r})')

    def input(prompt=''):
        raise EOFError('there is no input in the sandbox: pass data as bindings')

    builtins.open = io.open = open
    builtins.input = input


def _make_environment():
    import os

    class Environment(type(os.environ)):
        def __getitem__(self, name):
            raise KeyError(f'there are no environment variables in the sandbox: {name!r}')

    os.environ.__class__ = Environment


class _Absent:
    """Says of modules that are not there, why."""

    ARRAYS = 'numpy pandas scipy polars pyarrow torch tensorflow jax sklearn cupy xarray numba'
    OTHERS = (
        'requests httpx aiohttp urllib3 flask django fastapi starlette pydantic yaml bs4 lxml '
        'matplotlib seaborn plotly PIL cv2 openai anthropic boto3 sqlalchemy redis psycopg2 '
        'pymongo click rich tqdm pytest setuptools pip attr attrs dateutil pytz networkx sympy '
        'transformers'
    )
    SYSTEM = {
        'asyncio': 'there is no event loop',
        'ctypes': 'there is no foreign code',
        'multiprocessing': 'there are no processes',
        'select': 'there is no network',
        'socket': 'there is no network',
        'sqlite3': 'there are no databases',
        'ssl': 'there is no network',
        'subprocess': 'there are no processes',
        'tkinter': 'there is no screen',
        'venv': 'there are no packages',
        'ensurepip': 'there are no packages',
    }
    HAVE = (
        "the sandbox has Python's own library only, such as math, statistics, json, re, "
        'datetime, collections, itertools, decimal, random, csv'
    )

    arrays = frozenset(ARRAYS.split())
    others = frozenset(OTHERS.split())

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        root = name.partition('.')[0]
        why = cls.SYSTEM.get(root)
        if why is not None:
            why = f'{why} in the sandbox'
        elif root in cls.arrays:
            why = f'{cls.HAVE}; arrays of numbers are farside.Array'
        elif root in cls.others:
            why = cls.HAVE
        else:
            return None
        raise ModuleNotFoundError(f'No module named {name!r}: {why}', name=name)


_make_errno()
_make_time()
_make_signal()
_make_posix()
_make_threads()
_make_files()
_make_environment()
sys.meta_path.insert(0, _Absent)
