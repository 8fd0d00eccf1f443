"""A provider of OpenID Connect of a test's own: npm's `oidc-provider`, with accounts that the test sets."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from kit.bank import name_of
from kit.browser import program
from kit.service import Service, free_port, running
from kit.visitor import Shown, Visitor

CLIENT, SECRET = "bank", "a secret of tests"
GROUP = '[[group]]\nshortName = "{}"\ncustomer = "mill"\n'
GRANT = '[[grant]]\nsubject = "{}"\nrole = "{}"\ncustomer = "mill"\n'
RULE = '[[signIn]]\nvalue = "{}"\ngroup = "{}"\ncustomer = "mill"\n'
GROUPS = "".join(
    GROUP.format(group) + GRANT.format(group, role)
    for group, role in (("readers", "SAMPLEDB-VIEWER"), ("judges", "SAMPLEDB-ANALYZER"))
)
RULES = RULE.format("staff", "readers") + RULE.format("soc", "judges")


class ProviderServer:
    """The provider, for one service."""

    def __init__(self) -> None:
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.settings = {
            "SAMPLEBANK_OIDC_ISSUER": self.issuer,
            "SAMPLEBANK_OIDC_CLIENT_ID": CLIENT,
            "SAMPLEBANK_OIDC_CLIENT_SECRET": SECRET,
            "SAMPLEBANK_OIDC_NAME": "the Company",
        }
        self._process: subprocess.Popen[str] | None = None

    def start(self, *backs: str) -> None:
        """Start; `backs` are the addresses of pages that people may be sent back to."""
        script = Path(__file__).with_name("op.mjs")
        self._process = subprocess.Popen(
            ["node", script, program("oidc-provider"), str(self.port), *backs],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", "the provider has ended"

    def stop(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def account(self, name: str, /, **claims: Any) -> None:
        """Set the claims of an account."""
        requests.put(f"{self.issuer}/accounts/{name}", json=claims, timeout=10).raise_for_status()


def back_of(service: Service) -> str:
    """The page of the service that the provider sends people back to."""
    return f"{service.url}/login/oidc/back"


def sign_in_as(account: str, visitor: Visitor, target: str = "/jobs") -> Shown:
    """Follow the link of the sign-in page, all the way through the provider."""
    return visitor.get(f"/login/oidc?next={target}", headers={"Account": account})


def apply(service: Service, folder: Path, text: str) -> None:
    path = folder / "rules.toml"
    path.write_text(text, "utf-8")
    done = service.run("apply", str(path))
    assert done.returncode == 0, done.stderr


def somebody(company: ProviderServer, *groups: str, **claims: str) -> str:
    """An account of the provider with these groups."""
    account = name_of("account")
    company.account(account, groups=list(groups), preferred_username=account, **claims)
    return account


@contextmanager
def signing_in(folder: Path) -> Iterator[tuple[Service, ProviderServer]]:
    """A service with the tenants, and the provider whose people may sign in."""
    server = ProviderServer()
    with running(folder, server.settings) as service:
        server.start(back_of(service))
        try:
            yield service, server
        finally:
            server.stop()
