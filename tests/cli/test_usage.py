"""Exit codes: 0 done, 1 failed, 2 wrong usage; a failure is one line on stderr and nothing on stdout."""

import subprocess
import sys
from pathlib import Path

import pytest

from cli.program import Program
from kit.service import Service


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            [],
            "Missing command: serve, apply, login, logout, submit, jobs, search, show, similar, hunt, hunts, get, delete, karton, policy, me, audit, backup, restore, drill, doctor, accounts, key, receipts, verdict, link, note, worker, yara, events, blobs. See `samplebank --help`",
        ),
        (["key"], "Missing command: create, list, revoke. See `samplebank key --help`"),
        (["key", "create", "admin", "--expires", "now - 1 day"], "The key would end at once"),
        (["key", "create", "admin", "--role", ""], "'' is no role"),
        (
            ["key", "create", "admin", "--label", "x" * 201],
            "The label has 201 letters, more than the 200 allowed",
        ),
        (["key", "revoke", "nope"], "Invalid value for 'ID': This is no id such as 01a22bb4-"),
        (["events", "retry", "nope"], "Invalid value for 'ID': This is no whole number"),
        (["events", "retry", "--", "-1"], "The number has to be greater than or equal to 0"),
        (["frobnicate"], "No such command 'frobnicate'"),
        (["jobs", "--frobnicate"], "No such option: --frobnicate"),
        (["jobs", "--state", "sleeping"], "--state"),
        (["jobs", "--limit", "0"], "--limit"),
        (["jobs", "--limit", "10001"], "--limit"),
        (["jobs", "--since", "yesterday"], "--since"),
        (["jobs", "--url", "localhost:8080"], "must start with http:// or https://"),
        (["submit"], "Missing argument"),
        (["submit", "/there/is/no/such/file"], "does not exist"),
        (["submit", "/bin/ls", "--meta", "case 7"], '"case 7" must have the form KEY=VALUE'),
        (["submit", "/bin/ls", "--meta", "a=1", "--meta", "a=2"], "a is given more than once"),
        (["submit", ""], "A path is empty"),
        (["backup", ""], "The name of the folder is empty"),
        (["restore", " "], "The name of the folder is empty"),
        (["jobs", "--why", " "], "The id is empty"),
        (["submit", "/bin/ls", "--tlp", "red"], "--tlp"),
        (["submit", "/bin/ls", "--parallel", "0"], "--parallel"),
        (["search", "--limit", "0"], "--limit"),
        (["search", "--limt", "5"], "No such option: --limt"),
        (["search", "--json", "--hashes", "x"], "There is one form of output"),
        (["show", "d41d8cd98f00b204e9800998ecf8427e"], "is no SHA256"),
        (["get"], "Missing argument"),
        (["get", "invoice.exe"], "`samplebank search` finds the SHA256"),
        (["verdict"], "Missing command: set"),
        (["verdict", "set", "0" * 64, "benign"], "Missing option '--reason'"),
        (["link", "add", "0" * 64], "Missing argument"),
        (["worker"], "Missing command"),
        (["worker", "run"], "Missing argument"),
        (["worker", "run", "stastic"], "There is no built-in analyser stastic: choose among static, yara"),
    ],
)
def test_wrong_usage_is_explained_in_one_line(program: Program, arguments: list[str], reason: str) -> None:
    ended = program.run(*arguments)

    assert (ended.status, ended.out, len(ended.complaints)) == (2, "", 1)
    assert reason in ended.complaints[0]


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (["show", "zz"], "SHA256"),
        (["delete", "zz"], "SHA256"),
        (["note", "add", "zz", "text"], "SHA256"),
        (["note", "list", "zz"], "SHA256"),
        (["note", "withdraw", "zz", "1"], "SHA256"),
        (["receipts", "list", "--sample", "zz"], "--sample"),
        (["audit", "--sample", "zz"], "--sample"),
    ],
)
def test_what_is_no_hash_is_refused_by_every_command_in_the_same_words(
    program: Program, command: list[str], named: str
) -> None:
    ended = program.run(*command)

    said = "'zz' is no SHA256. `samplebank search` finds the SHA256 of other hashes and names."
    assert (ended.status, len(ended.complaints)) == (2, 1)
    assert f"Invalid value for {named}: {said}" in ended.complaints[0]


@pytest.mark.parametrize("short", ["275a021bbfb6489e", "275a021b…", "275a021b..."])
def test_a_hash_that_a_table_shortened_is_refused_with_the_way_to_the_whole_one(
    program: Program, short: str
) -> None:
    ended = program.run("show", short)

    assert (ended.status, len(ended.complaints)) == (2, 1)
    assert f"'{short}' is no SHA256. A part of a hash names no sample" in ended.complaints[0]
    assert "`samplebank search --hashes`" in ended.complaints[0]


def test_a_folder_without_files_is_nothing_to_submit(program: Program, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    ended = program.run("submit", tmp_path / "empty")

    assert ended.status == 2
    assert "There is no file" in ended.complaints[0]


@pytest.mark.parametrize(
    "command", [["jobs"], ["submit", "/bin/ls"], ["worker", "list"], ["worker", "run", "yara"]]
)
def test_without_a_service_the_user_learns_how_to_name_one(
    program: Program, data_folder: Path, command: list[str]
) -> None:
    ended = program.run(*command)

    assert (ended.status, len(ended.complaints)) == (1, 1)
    assert (
        f"{data_folder}/credentials.toml does not exist. Start one with `samplebank serve`"
        in ended.complaints[0]
    )


def test_a_service_that_is_down_is_named(program: Program) -> None:
    ended = program.run("jobs", "--url", "http://127.0.0.1:9", "--key", "k")

    assert ended.status == 1
    assert ended.complaints == [
        "samplebank: The service at http://127.0.0.1:9 cannot be reached: [Errno 111] Connection refused."
    ]


def test_a_refusal_of_the_service_is_told_in_its_words(local: Program) -> None:
    ended = local.run("jobs", "--customer", "nowhere")

    assert (ended.status, ended.out, len(ended.complaints)) == (1, "", 1)
    assert ended.complaints[0].startswith("samplebank: customer[0]: ")


def test_where_to_go_may_come_from_the_environment(program: Program, service: Service) -> None:
    ended = program.run("jobs", "--json", SAMPLEBANK_URL=service.url, SAMPLEBANK_KEY=service.keys["mia"])

    assert (ended.status, ended.complaints) == (0, [])


def test_an_option_wins_over_the_environment(program: Program, service: Service) -> None:
    ended = program.run(
        "jobs", "--json", "--key", service.keys["mia"], SAMPLEBANK_URL=service.url, SAMPLEBANK_KEY="wrong"
    )

    assert (ended.status, ended.complaints) == (0, [])


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--version"], 0), (["jobs", "--url", "http://127.0.0.1:9", "--key", "k"], 1)]
)
def test_the_process_ends_with_the_status(service: Service, arguments: list[str], status: int) -> None:
    ended = service.run(*arguments)

    assert ended.returncode == status
    assert len((ended.stdout + ended.stderr).splitlines()) == 1


def test_a_command_of_the_client_does_not_load_the_service() -> None:
    called = "from samplebank.cli.main import main; main(['jobs', '--help']); import sys; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", called], capture_output=True, text=True, check=True
    ).stdout.split()

    assert {"litestar", "granian", "asyncpg", "alembic", "lief"}.isdisjoint(loaded)
    assert "httpx" in loaded


def test_the_program_tells_its_version(program: Program) -> None:
    ended = program.run("--version")

    assert ended.status == 0
    assert ended.out.strip().split(".")[0].isdigit()


def test_help_lists_the_commands(program: Program) -> None:
    ended = program.run("--help")

    assert ended.status == 0
    assert {"serve", "apply", "key", "submit", "jobs", "worker"} <= set(ended.out.split())
