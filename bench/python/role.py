"""The two roles of a peer: a server, and a client that runs tasks.

`PEER.py serve` says where it listens and serves until it is ended.
`PEER.py drive ADDRESS` prints the peer's version, and then, for each task that it
reads from standard input, a line with its figure. The tasks are those of the peers
in Rust.
"""

import statistics
import sys
import time
from importlib.metadata import version

# The least number of calls that a median is taken of.
LEAST = 25

# How often a pipeline of some window fills it before the time is looked at.
FILLS = 4


def main(package, serve, connect):
    """Plays the role that the command line names."""
    match sys.argv[1:]:
        case ["serve"]:
            serve()
        case ["drive", address]:
            host, port = address.rsplit(":", 1)
            peer = connect(host, int(port))
            print(version(package), flush=True)
            for line in sys.stdin:
                print(run(peer, line), flush=True)
        case _:
            sys.exit("error: not understood\n\nhint: serve | drive ADDRESS")


def listening(port):
    """Tells the parent where a server listens on this machine."""
    print(f"listening on 127.0.0.1:{port}", flush=True)


def run(peer, line):
    """The figure of a task."""
    match line.split():
        case ["sequential", millis, rest]:
            return sequential(peer, int(millis) / 1e3, int(rest) / 1e6)
        case ["pipelined", millis, window]:
            return pipelined(peer, int(millis) / 1e3, int(window))
        case ["array", millis, size]:
            return array(peer, int(millis) / 1e3, int(size))
    sys.exit(f"error: not a task: {line}")


def sequential(peer, duration, rest):
    """The median of calls that wait for each other, in microseconds."""
    took = []
    square = peer.square
    end = time.perf_counter() + duration
    while len(took) < LEAST or time.perf_counter() < end:
        if rest:
            time.sleep(rest)
        begun = time.perf_counter()
        result = square(1_234_567)
        took.append(time.perf_counter() - begun)
        assert result == 1_524_155_677_489
    return statistics.median(took) * 1e6


def pipelined(peer, duration, window):
    """How many calls come in a second, at most so many of them at once."""
    calls = window * FILLS
    expected = sum(number * number for number in range(calls))
    begun = time.perf_counter()
    rounds = 0
    while rounds == 0 or time.perf_counter() < begun + duration:
        assert peer.squares(calls, window) == expected
        rounds += 1
    return calls * rounds / (time.perf_counter() - begun)


def array(peer, duration, size):
    """The median of an array of floats that goes there and back, in microseconds."""
    sent = bytes(size)
    took = []
    end = time.perf_counter() + duration
    while not took or time.perf_counter() < end:
        begun = time.perf_counter()
        numbers = memoryview(peer.echo(sent)).cast("d")
        took.append(time.perf_counter() - begun)
        assert numbers.nbytes == size
    return statistics.median(took) * 1e6
