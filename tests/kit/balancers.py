"""HAProxy and nginx before services, each with the configuration of docs/deployment.md for operators."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests

from kit.bank import eventually
from kit.browser import program
from kit.proxy import AROUND
from kit.service import free_port

DOCUMENT = Path(__file__).parents[2] / "docs/deployment.md"
CERTIFICATE = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
SUBJECT = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2")


def documented(language: str) -> str:
    """The configuration in the given language from docs/deployment.md."""
    found = re.search(rf"```{language}\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found.group(1)


@contextmanager
def balanced(kind: str, folder: Path, ports: Sequence[int]) -> Iterator["Session"]:
    """A session with `kind` (haproxy or nginx), which stands before two ports of the machine.

    The session knows the address and the certificate.
    """
    certificate, key, port = folder / "bank.crt", folder / "bank.key", free_port()
    subprocess.run(
        [*CERTIFICATE, *SUBJECT, "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    both = folder / "bank.pem"
    both.write_text(certificate.read_text() + key.read_text())
    text = documented(kind)
    for number, own in enumerate(ports, 1):
        text = text.replace(f"10.0.0.{number}:8080", f"127.0.0.1:{own}")
    if kind == "haproxy":
        text = text.replace("/run/haproxy", str(folder)).replace(
            "/etc/haproxy/samples.example.org.pem", str(both)
        )
        text = text.replace("bind :443", f"bind 127.0.0.1:{port}")
        arguments = ["-db", "-f"]
    else:
        text = text.replace("/etc/ssl/samples.example.org.pem", str(certificate))
        text = text.replace("/etc/ssl/private/samples.example.org.key", str(key))
        text = text.replace("listen 443", f"listen 127.0.0.1:{port}")
        text = AROUND.format(folder=folder, server=text)
        arguments = ["-p", str(folder), "-e", f"{folder}/error.log", "-c"]
    configuration = folder / "balancer.conf"
    configuration.write_text(text)
    with (folder / "balancer.log").open("w") as output:
        process = subprocess.Popen(
            [program(kind), *arguments, str(configuration)], stdout=output, stderr=output
        )
    try:
        with Session(f"https://localhost:{port}", certificate) as session:
            assert eventually(session.is_ready), (folder / "balancer.log").read_text()
            yield session
    finally:
        process.terminate()
        process.wait(30)


class Session(requests.Session):
    """A session for one address, with trust in one certificate."""

    def __init__(self, url: str, certificate: Path) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = str(certificate)
        self._url = url

    def ask(self, method: str, path: str, body: bytes | None = None, key: str = "") -> requests.Response:
        headers = {"Argus-API-Key": key} if key else {}
        return self.request(method, self._url + path, data=body, headers=headers, timeout=30)

    def sign_in(self, key: str) -> requests.Response:
        headers = {"Sec-Fetch-Site": "same-origin"}
        return self.post(
            f"{self._url}/login", data={"key": key}, headers=headers, timeout=30, allow_redirects=False
        )

    def is_ready(self) -> bool:
        try:
            return self.ask("GET", "/readyz").ok
        except requests.ConnectionError:
            return False
