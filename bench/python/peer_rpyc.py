"""RPyC: a service with two functions; pipelined by asynchronous calls.

Tuned: without Nagle's algorithm on either side, and without compression.
"""

import socket
import sys

import rpyc
from rpyc.core.channel import Channel
from rpyc.core.stream import SocketStream
from rpyc.utils.factory import connect_stream
from rpyc.utils.server import ThreadedServer

import role

Channel.COMPRESSION_THRESHOLD = sys.maxsize


class Peer(rpyc.Service):
    def exposed_square(self, number):
        return number * number

    def exposed_echo(self, data):
        return data


class Client:
    def __init__(self, host, port):
        stream = SocketStream.connect(host, port, nodelay=True)
        self.connection = connect_stream(stream)
        # Looking a function up is a round trip; once is enough.
        self.square = self.connection.root.square
        self.echo = self.connection.root.echo
        self.later = rpyc.async_(self.square)

    def squares(self, calls, window):
        total = 0
        for first in range(0, calls, window):
            numbers = range(first, min(first + window, calls))
            answers = [self.later(number) for number in numbers]
            total += sum(answer.value for answer in answers)
        return total


def serve():
    server = ThreadedServer(Peer, hostname="127.0.0.1", port=0)
    # Accepted sockets inherit it.
    server.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    role.listening(server.port)
    server.start()


if __name__ == "__main__":
    role.main("rpyc", serve, Client)
