"""An nginx before a service, which puts the service below a prefix, as docs/proxies.md says."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from kit.bank import eventually
from kit.browser import program
from kit.service import free_port

#: what nginx needs besides a server
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
SERVER = """
    server {{
        listen 127.0.0.1:{port};
        location /sb/ {{
            proxy_pass {url}/;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
"""


@contextmanager
def prefixed(url: str, folder: Path) -> Iterator[str]:
    """The address below which the proxy shows the service at `url`."""
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(AROUND.format(folder=folder, server=SERVER.format(port=port, url=url)))
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
