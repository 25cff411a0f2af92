"""A door between a worker and its database that can be shut, or walled up without a word."""

import contextlib
import socket
import threading
import time


class Proxy:
    """Passes TCP on to a port; ``shut`` refuses everybody, ``wall_up`` lets nothing through."""

    def __init__(self, port: int) -> None:
        """Listen on a port of its own."""
        self._to = port
        self._is_shut = self._is_walled = False
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        """Break every connection and accept no other."""
        self._is_shut = True
        self._break()

    def wall_up(self) -> None:
        """Let nothing through any more, and say nothing of it."""
        self._is_walled = True

    def reopen(self) -> None:
        """Pass on again; what was walled up is broken, as after a real partition."""
        if self._is_walled:
            self._break()
        self._is_shut = self._is_walled = False

    def close(self) -> None:
        """Be gone."""
        self.shut()
        self._listener.close()

    def _break(self) -> None:
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def _accept(self) -> None:
        while True:
            try:
                here, _address = self._listener.accept()
            except OSError:
                return
            if self._is_shut:
                here.close()
                continue
            there = socket.create_connection(("127.0.0.1", self._to))
            self._open += [here, there]
            for pair in ((here, there), (there, here)):
                threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while part := source.recv(65_536):
                while self._is_walled:
                    time.sleep(0.05)
                target.sendall(part)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
