"""Signing in from a command line: a code said in a browser becomes a key that ends."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from kit.bank import Bank, eventually
from kit.oidc import ProviderServer, somebody
from kit.service import PROGRAM, Service

BEGIN, TAKE = "/samplebank/v1/sign-in", "/samplebank/v1/sign-in/key"


@pytest.fixture
def door(mine: Service) -> Bank:
    return Bank(mine.url, mine.keys)


def begun(door: Bank) -> dict[str, Any]:
    way: dict[str, Any] = door.data(door.post(BEGIN, user=None))
    return way


def agree(url: str, account: str) -> None:
    """Say the code at the provider, in a browser of the account."""
    browser = requests.Session()
    browser.trust_env = False
    browser.headers["Account"] = account
    form = browser.get(url, timeout=10).text
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    shown = browser.post(url.partition("?")[0], {**fields, "confirm": "yes"}, timeout=10)
    assert shown.status_code == 200, shown.text


def taken(door: Bank, way: dict[str, Any]) -> requests.Response:
    return door.post(TAKE, {"deviceCode": way["deviceCode"]}, user=None)


def signed_in(door: Bank, account: str) -> dict[str, Any]:
    way = begun(door)
    agree(way["completeUrl"], account)
    given: dict[str, Any] = door.data(taken(door, way))
    return given


def session_with(door: Bank, key: str) -> requests.Response:
    return door.call("GET", "/authentication/v1/session", None, headers={"Argus-API-Key": key})


def test_no_key_comes_before_the_code_is_said(door: Bank) -> None:
    given = door.data(taken(door, begun(door)))

    assert "key" not in given or given["key"] is None


def test_the_key_is_of_the_user_who_said_the_code_and_ends(door: Bank, company: ProviderServer) -> None:
    account = somebody(company, "staff")

    given = signed_in(door, account)

    session = door.data(session_with(door, given["key"]))
    assert (session["user"]["shortName"], given["user"]) == (account, account)
    assert "viewSamples" in session["permissions"]
    assert given["expiryTimestamp"] > 0


def test_a_code_gives_one_key(door: Bank, company: ProviderServer) -> None:
    way = begun(door)
    agree(way["completeUrl"], somebody(company, "staff"))
    first = taken(door, way)

    second = taken(door, way)

    assert first.json()["data"]["key"].startswith("sb_")
    assert second.status_code == 412
    assert "begin again" in second.text


def test_whoever_matches_no_rule_gets_no_key(door: Bank, company: ProviderServer) -> None:
    way = begun(door)
    agree(way["completeUrl"], somebody(company, "canteen"))

    refused = taken(door, way)

    assert refused.status_code == 403
    assert "ask who runs the service" in refused.text


def test_the_key_ends_when_its_user_matches_no_rule_any_more(door: Bank, company: ProviderServer) -> None:
    account = somebody(company, "staff")
    key = signed_in(door, account)["key"]
    company.account(account, groups=[], preferred_username=account)
    way = begun(door)
    agree(way["completeUrl"], account)

    taken(door, way)

    assert eventually(lambda: session_with(door, key).status_code == 401)


@pytest.mark.parametrize("body", [{}, {"deviceCode": ""}, {"deviceCode": 7}, {"deviceCode": "x" * 5000}])
def test_a_request_without_a_code_is_refused(door: Bank, body: dict[str, Any]) -> None:
    refused = door.post(TAKE, body, user=None)

    assert refused.status_code == 412
    assert "deviceCode" in refused.text


@pytest.mark.parametrize(("size", "status"), [(10, 412), (20_000, 413)], ids=["small", "large"])
def test_a_request_whose_length_is_not_announced_is_read_and_may_be_small(
    door: Bank, size: int, status: int
) -> None:
    pieces = iter([b'{"deviceCode": "', b"x" * size, b'"}'])

    assert door.call("POST", TAKE, None, data=pieces).status_code == status


@pytest.mark.parametrize("code", ["unknown", "a b\u0000c", "ü"])
def test_an_unknown_code_gives_nothing(door: Bank, code: str) -> None:
    assert door.post(TAKE, {"deviceCode": code}, user=None).status_code in {400, 412}


def test_other_keys_do_not_end_by_signing_out(door: Bank) -> None:
    refused = door.delete(TAKE, "mia")

    assert refused.status_code == 412
    assert door.get("/authentication/v1/session", "mia").status_code == 200


def test_commands_use_the_key_until_they_sign_out(
    mine: Service, company: ProviderServer, tmp_path: Path
) -> None:
    account = somebody(company, "staff")
    environment = {**mine.environment, "XDG_CONFIG_HOME": str(tmp_path)}

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*PROGRAM, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    command = [*PROGRAM, "login", "--device", "--url", mine.url]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(3)]
        agree(lines[-1].split()[-1], account)
        said, _ = process.communicate(timeout=60)
    (file,) = (tmp_path / "samplebank").iterdir()
    mode = file.stat().st_mode & 0o777
    who = json.loads(run("me", "--json").stdout)
    left = run("logout")

    assert (process.returncode, mode) == (0, 0o600)
    assert f"Signed in to {mine.url} as {account} until " in said
    assert who["user"]["shortName"] == account
    assert left.stdout == f"Signed out of {mine.url}.\n"
    assert json.loads(run("me", "--json").stdout)["user"]["shortName"] == "admin"


def test_a_command_does_not_go_on_as_somebody_else_when_the_key_has_ended(
    mine: Service, tmp_path: Path
) -> None:
    (tmp_path / "samplebank").mkdir()
    login = {"url": mine.url, "user": "alice", "key": "sb_x", "expiry_time": 1}
    (tmp_path / "samplebank" / "login.json").write_text(json.dumps(login))

    done = subprocess.run(
        [*PROGRAM, "me"],
        env={**mine.environment, "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert "has ended: sign in again" in done.stderr
