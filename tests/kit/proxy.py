"""An nginx before a service, which puts the service below a prefix, with the configuration of docs/proxies.md."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from kit.bank import eventually
from kit.browser import program
from kit.service import free_port

#: directives of nginx besides a server
AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""
PAGE = Path(__file__).parents[2] / "docs/proxies.md"


def below_a_prefix(port: int, url: str) -> str:
    """The server of the page, without TLS, and with the prefix as the page says."""
    found = re.search(r"```nginx\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    plain = re.sub(r"^ *(ssl_\w+|server_name) .*\n", "", found[1], flags=re.MULTILINE)
    for documented, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port}"),
        ("location / ", "location /sb/ "),
        ("proxy_pass http://127.0.0.1:8080", f"proxy_pass {url}/"),
    ):
        assert documented in plain
        plain = plain.replace(documented, here)
    return plain


@contextmanager
def prefixed(url: str, folder: Path) -> Iterator[str]:
    """The address below which the proxy shows the service at `url`."""
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(AROUND.format(folder=folder, server=below_a_prefix(port, url)))
    command = [program("nginx"), "-p", str(folder), "-c", str(configuration), "-e", f"{folder}/error.log"]
    with (folder / "output.log").open("w") as output:
        proxy = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        assert eventually(lambda: answers(f"http://127.0.0.1:{port}/sb/readyz")), (
            folder / "error.log"
        ).read_text()
        yield f"http://127.0.0.1:{port}/sb"
    finally:
        proxy.terminate()
        proxy.wait(30)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False
