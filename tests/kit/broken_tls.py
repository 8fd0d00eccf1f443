"""A server whose connection by TLS breaks behind the handshake, as where it misses the certificate of a client."""

import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from kit.certificates import Certificates

#: a record with bytes that no key of the connection has made
RECORD = b"\x17\x03\x03\x00\x30" + bytes(48)


@contextmanager
def breaking(certificates: Certificates) -> Iterator[str]:
    """The address of a server that reads a request by TLS, and answers with bytes that nobody can decrypt."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)

    def serve(listening: socket.socket) -> None:
        taken, _ = listening.accept()
        with context.wrap_socket(taken, server_side=True) as secret:
            secret.recv(65536)
            with socket.socket(fileno=secret.detach()) as bare:
                bare.sendall(RECORD)
                while bare.recv(65536):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        pool.submit(serve, listening)
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
