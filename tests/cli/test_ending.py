"""Every end of the program is one line and an exit code, whatever the state at the start."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.program import SAMPLEBANK, Program
from kit.bank import eventually
from kit.relay import Relay
from kit.service import Service, free_port
from samplebank.cli.ending import waiting
from samplebank.errors import Unavailable


def of_shell(service: Service, script: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a line of shell. $SAMPLEBANK is the program."""
    return subprocess.run(
        ["sh", "-c", script],
        env={**service.environment, "SAMPLEBANK": str(SAMPLEBANK), **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("output", [">&-", ">/dev/full"])
@pytest.mark.parametrize("command", ["jobs --json", "worker list", "--version", "--help"])
def test_output_that_cannot_be_written_is_a_failure(service: Service, command: str, output: str) -> None:
    ended = of_shell(service, f'"$SAMPLEBANK" {command} {output}', SAMPLEBANK_KEY="", SAMPLEBANK_URL="")

    assert ended.returncode == 1
    assert ended.stderr.startswith("samplebank: The output cannot be written: ")
    assert len(ended.stderr.splitlines()) == 1


def test_where_complaints_cannot_be_written_the_exit_code_tells(service: Service) -> None:
    ended = of_shell(service, '"$SAMPLEBANK" jobs --state sleeping 2>&-')

    assert (ended.returncode, ended.stdout) == (2, "")


def test_a_file_with_any_name_is_submitted_where_the_locale_is_ascii(
    service: Service, tmp_path: Path
) -> None:
    path = tmp_path / "ü.exe"
    path.write_bytes(os.urandom(100))

    ended = of_shell(
        service,
        f'"$SAMPLEBANK" submit "{path}" --meta "fall=ü"',
        PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
        LC_ALL="C",
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "submitted" in ended.stdout


@pytest.mark.parametrize("option", ["--meta", "--customer", "--key", "--url"])
def test_an_argument_that_is_no_text_is_named_and_not_shown(program: Program, option: str) -> None:
    ended = program.run("submit", "/bin/ls", option, os.fsdecode(b"sb_secret=\xff"))

    assert (ended.status, len(ended.complaints)) == (2, 1)
    assert option in ended.complaints[0]
    assert "secret" not in ended.complaints[0]


@pytest.mark.parametrize(
    ("command", "name"),
    [(["show"], "SHA256"), (["note", "add", "0" * 64], "text"), (["link", "add", "0" * 64], "OTHER...")],
)
def test_an_argument_without_a_name_is_called_as_in_the_help_of_its_command(
    program: Program, command: list[str], name: str
) -> None:
    ended = program.run(*command, os.fsdecode(b"\xff"))

    assert ended.status == 2
    assert f"Invalid value for '{name}'" in ended.complaints[0]
    assert (
        f"See `samplebank {' '.join(word for word in command if word.isalpha())} --help`."
        in ended.complaints[0]
    )


@pytest.mark.parametrize("key", ["sb_secret-ключ", "sb_secret\n2", "sb_secret 2", "sb_secret\x7f"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(program: Program, key: str) -> None:
    ended = program.run("jobs", "--url", "http://127.0.0.1:9", "--key", key)

    assert (ended.status, len(ended.complaints)) == (2, 1)
    assert "secret" not in ended.complaints[0]


def test_blanks_around_a_key_and_an_address_are_not_meant(program: Program, service: Service) -> None:
    url, key = service.url.replace("http", "HTTP"), service.keys["mia"]

    ended = program.run("jobs", "--json", "--url", f" {url}/\n", "--key", f"{key} \n")

    assert (ended.status, ended.complaints) == (0, [])


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://",
            "http:///x",
            "http://::1:8080",
            "http://[::1",
            "http://h:99999",
            "http://h:x",
            "http://a\nb",
        ),
        *(
            "http://ü..de",
            "https://xn--",
            "http://user:secret@h",
            "http://user:secret@h:x",
            "ftp://user:secret@h",
            "user:secret@h",
            "http://a..b",
            f"http://{'a' * 64}",
            "http://h:0",
            "http://h:-1",
            "http://h?x=1",
            "ftp://h",
            f"http://{'a' * 70_000}",
        ),
    ],
)
def test_an_address_that_is_none_is_refused_before_anything_is_asked(program: Program, url: str) -> None:
    ended = program.run("jobs", "--url", url, "--key", "k")

    assert (ended.status, len(ended.complaints)) == (2, 1)
    assert "--url" in ended.complaints[0]
    assert "secret" not in ended.complaints[0]


@pytest.mark.parametrize(
    ("name", "value"), [("SSL_CERT_FILE", "/there/is/none"), ("HTTPS_PROXY", "carrier-pigeon://x")]
)
def test_surroundings_that_allow_no_connection_are_named(program: Program, name: str, value: str) -> None:
    ended = program.run("jobs", "--url", "https://127.0.0.1:9", "--key", "k", **{name: value})

    assert (ended.status, len(ended.complaints)) == (1, 1)
    assert "look at SSL_CERT_FILE" in ended.complaints[0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"SAMPLEBANK_DATA_DIR": "~nobody-of-this-name/x"}, "set SAMPLEBANK_DATA_DIR"),
        ({"SAMPLEBANK_DATABASE_URL": "postgresql://127.0.0.1:port/x"}, "must be an address such as"),
        ({"SAMPLEBANK_DATABASE_URL": "postgresql://127.0.0.1:9/x"}, "The database cannot be reached"),
    ],
)
def test_a_place_that_is_none_is_told_in_one_line(
    program: Program, settings: dict[str, str], said: str
) -> None:
    ended = program.run("key", "list", **settings)

    assert (ended.status, len(ended.complaints)) == (1, 1)
    assert said in ended.complaints[0]


@pytest.mark.parametrize("made", ["metrics", "postgres/data/PG_VERSION", "postgres/data/postmaster.pid"])
def test_a_service_that_is_told_to_stop_while_it_starts_says_so(
    program: Program, data_folder: Path, made: str
) -> None:
    starting = program.start("serve", "--port", str(free_port()))
    assert eventually((data_folder / made).exists)

    starting.terminate()
    _, complaints = starting.communicate(timeout=60)

    said = "samplebank: Interrupted: the service was told to stop before it had started."
    assert (starting.returncode, complaints.splitlines()) == (143, [said])


def test_being_told_to_end_is_not_lost_where_python_drops_what_is_raised() -> None:
    script = """
import os, signal, sys
from samplebank.cli import main

class Fleeting:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

def fleet(_):
    Fleeting()
    signal.pause()
    return 0

main.main = fleet
try:
    main.run()
except KeyboardInterrupt:
    print("ended")
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )

    assert (ended.stdout, ended.stderr) == ("ended\n", "")


def test_ctrl_c_ends_a_command_with_one_line(program: Program, relay: Relay) -> None:
    relay.hold("/job/search")
    asking = program.start("jobs", "--url", relay.url, "--key", "k")
    relay.wait_for("/job/search")

    asking.send_signal(signal.SIGINT)
    out, complaints = asking.communicate(timeout=60)

    assert (asking.returncode, out, complaints) == (130, "", "samplebank: Interrupted.\n")


def test_ctrl_c_at_the_very_end_shows_no_traceback() -> None:
    script = """
import atexit, os, signal
from samplebank.cli import main

main.main = lambda _: 0
atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))
main.run()
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )

    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")


def test_ctrl_c_while_modules_are_loaded_ends_with_one_line() -> None:
    script = """
import os, signal, sys
from samplebank.cli.__main__ import run

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
run()
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )

    assert (ended.returncode, ended.stderr) == (130, "samplebank: Interrupted.\n")


def test_whoever_loses_the_service_in_a_wait_reads_what_goes_on() -> None:
    with (
        pytest.raises(Unavailable, match=r"^The service is away\. The hunt goes on\.$"),
        waiting("The hunt goes on."),
    ):
        raise Unavailable("The service is away.")


KEY = "sb_" + "k" * 43


@pytest.mark.parametrize(
    "arguments",
    [
        [KEY],
        ["jobs", KEY],
        ["jobs", f"--state={KEY}"],
        ["jobs", "--url", f"http://h?key={KEY}"],
        ["submit", KEY],
        ["submit", "/bin/ls", "--meta", KEY],
        ["worker", "run", KEY],
        ["apply", KEY],
    ],
)
def test_a_key_in_the_wrong_place_is_not_shown(program: Program, arguments: list[str]) -> None:
    ended = program.run(*arguments)

    assert (ended.status in {1, 2}, len(ended.complaints)) == (True, 1)
    assert "kkkk" not in ended.complaints[0]


@pytest.mark.parametrize(
    ("arguments", "called"),
    [(["jobs", "--key"], "samplebank jobs"), (["submit", "--meta"], "samplebank submit")],
)
def test_the_hint_names_the_command_that_was_called(
    program: Program, arguments: list[str], called: str
) -> None:
    ended = program.run(*arguments)

    assert ended.complaints[0].endswith(f"See `{called} --help`.")


def test_a_key_that_cannot_be_written_is_not_made(local: Program, service: Service) -> None:
    ended = of_shell(service, '"$SAMPLEBANK" key create admin --label unread >/dev/full')
    assert ended.stderr == "samplebank: The output cannot be written: No space left on device.\n"

    labels = [key["label"] for key in json.loads(local.run("key", "list", "--json").out)["keys"]]

    assert "unread" not in labels


def test_the_keys_of_a_user_that_is_none_are_not_listed(local: Program) -> None:
    ended = local.run("key", "list", "--user", "nobody-of-this-name")

    assert (ended.status, ended.complaints) == (1, ["samplebank: There is no user 'nobody-of-this-name'."])
