"""A line between a client and a server that can be cut after what the client says."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

from sqlalchemy import URL


@contextmanager
def cut_after(url: URL, *words: bytes) -> Iterator[tuple[URL, Event]]:
    """A URL that leads to the server, and an event: once it is set, whoever says the words is cut off.

    The words come one after the other. The server hears the last one and answers; that is lost.
    """
    cut = Event()
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        server = (str(url.host), int(url.port or 5432))
        Thread(target=_wait_at, args=(door, server, words, cut), daemon=True).start()
        # No TLS, or the word could not be seen.
        yield url.set(host="127.0.0.1", port=port).update_query_dict({"sslmode": "disable"}), cut


def _wait_at(
    door: socket.socket, server: tuple[str, int], words: tuple[bytes, ...], cut: Event
) -> None:
    with suppress(OSError):
        while True:
            client, _ = door.accept()
            beyond = socket.create_connection(server)
            lost = Event()
            Thread(target=_carry, args=(client, beyond, words, cut, lost), daemon=True).start()
            Thread(target=_bring, args=(beyond, client, lost), daemon=True).start()


def _carry(
    client: socket.socket,
    server: socket.socket,
    words: tuple[bytes, ...],
    cut: Event,
    lost: Event,
) -> None:
    """What the client says, to the server."""
    waited_for = list(words)
    with client, server, suppress(OSError):
        while said := client.recv(65_536):
            while cut.is_set() and waited_for and waited_for[0] in said:
                waited_for.pop(0)
            if not waited_for:
                # Before the server hears it, or its answer may be quicker than the cut.
                lost.set()
            server.sendall(said)
            if not waited_for:
                client.shutdown(socket.SHUT_RDWR)
        server.shutdown(socket.SHUT_WR)


def _bring(server: socket.socket, client: socket.socket, lost: Event) -> None:
    """What the server says, to the client, until it is cut."""
    with suppress(OSError):
        while (said := server.recv(65_536)) and not lost.is_set():
            client.sendall(said)
