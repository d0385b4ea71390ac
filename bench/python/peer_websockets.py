"""websockets with MessagePack: a message for each call."""

import asyncio
import signal

import msgpack
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve as listen

import role

SETTINGS = {"compression": None, "max_size": None, "ping_interval": None}


def square(number):
    return number * number


def echo(data):
    return data


FUNCTIONS = {"square": square, "echo": echo}


async def answer(socket):
    async for message in socket:
        name, argument = msgpack.unpackb(message)
        await socket.send(msgpack.packb(FUNCTIONS[name](argument)))


class Client:
    def __init__(self, host, port):
        self.loop = asyncio.new_event_loop()
        self.socket = self.run(self.open(f"ws://{host}:{port}"))

    def run(self, work):
        return self.loop.run_until_complete(work)

    async def open(self, url):
        return await connect(url, **SETTINGS)

    async def call(self, name, argument):
        await self.socket.send(msgpack.packb((name, argument)))
        return msgpack.unpackb(await self.socket.recv())

    def square(self, number):
        return self.run(self.call("square", number))

    def echo(self, data):
        return self.run(self.call("echo", data))

    def squares(self, calls, window):
        return self.run(self.pipeline(calls, window))

    async def pipeline(self, calls, window):
        total = 0
        for first in range(0, calls, window):
            numbers = range(first, min(first + window, calls))
            for number in numbers:
                await self.socket.send(msgpack.packb(("square", number)))
            for _ in numbers:
                total += msgpack.unpackb(await self.socket.recv())
        return total


async def accept():
    async with listen(answer, "127.0.0.1", 0, **SETTINGS) as server:
        role.listening(server.sockets[0].getsockname()[1])
        await server.serve_forever()


def serve():
    asyncio.run(accept())


if __name__ == "__main__":
    role.main("websockets", serve, Client)
