"""zero: one worker process; pipelined by asynchronous calls on one connection."""

import asyncio
import ctypes
import os
import signal
import socket

from zero import AsyncZeroClient, ZeroClient, ZeroServer

import role

# Milliseconds: a call that others are queued before takes long.
TIMEOUT = 60_000

# prctl(2): the signal that a process gets when its parent ends.
PR_SET_PDEATHSIG = 1


def square(number: int) -> int:
    return number * number


def echo(data: bytes) -> bytes:
    return data


class Client:
    def __init__(self, host, port):
        self.loop = asyncio.new_event_loop()
        self.plain = ZeroClient(host, port, default_timeout=TIMEOUT)
        self.later = AsyncZeroClient(host, port, default_timeout=TIMEOUT)

    def square(self, number):
        return self.plain.call("square", number)

    def echo(self, data):
        return self.plain.call("echo", data, return_type=bytes)

    def squares(self, calls, window):
        return self.loop.run_until_complete(self.pipeline(calls, window))

    async def pipeline(self, calls, window):
        total = 0
        for first in range(0, calls, window):
            numbers = range(first, min(first + window, calls))
            answers = (self.later.call("square", number) for number in numbers)
            total += sum(await asyncio.gather(*answers))
        return total


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def end_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def serve():
    os.register_at_fork(after_in_child=end_with_parent)
    port = free_port()
    server = ZeroServer("127.0.0.1", port)
    server.register_rpc(square)
    server.register_rpc(echo)
    role.listening(port)
    server.run(workers=1)


if __name__ == "__main__":
    role.main("zeroapi", serve, Client)
