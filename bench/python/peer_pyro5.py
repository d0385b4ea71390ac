"""Pyro5: a daemon with one object; pipelined by batches. Its serializer is chosen by
the environment, PYRO_SERIALIZER.

Tuned: without Nagle's algorithm.
"""

import Pyro5.api
import serpent

import role

Pyro5.config.SOCK_NODELAY = True


@Pyro5.api.expose
class Peer:
    def square(self, number):
        return number * number

    def echo(self, data):
        # serpent sends bytes as text, which the receiver has to turn back.
        return serpent.tobytes(data)


class Client:
    def __init__(self, host, port):
        self.proxy = Pyro5.api.Proxy(f"PYRO:peer@{host}:{port}")
        self.proxy._pyroBind()
        self.square = self.proxy.square

    def echo(self, data):
        return serpent.tobytes(self.proxy.echo(data))

    def squares(self, calls, window):
        total = 0
        for first in range(0, calls, window):
            batch = Pyro5.api.BatchProxy(self.proxy)
            for number in range(first, min(first + window, calls)):
                batch.square(number)
            total += sum(batch())
        return total


def serve():
    daemon = Pyro5.api.Daemon(host="127.0.0.1", port=0)
    daemon.register(Peer(), "peer")
    role.listening(daemon.sock.getsockname()[1])
    daemon.requestLoop()


if __name__ == "__main__":
    role.main("Pyro5", serve, Client)
