"""`samplebank apply`: the accounts become as in the tenants file, or nothing changes."""

from pathlib import Path

import pytest

from kit.bank import Bank, Sample, fields_of, name_of
from kit.service import TENANTS, Service


def tenants(folder: Path, text: str) -> str:
    path = folder / "tenants.toml"
    path.write_text(text, "utf-8")
    return str(path)


def test_applying_again_changes_nothing_and_issues_no_key(service: Service) -> None:
    again = service.run("apply", str(TENANTS), "--json")

    assert (again.returncode, again.stdout.split()) == (0, ["{", '"keys":', "{}", "}"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[[customer]]\nshortName = "x"\nname = "X"\ndomain = "nowhere"',
            "[[customer]] x: there is no domain",
        ),
        ('[[user]]\nshortName = "x"\ncustomer = "nobody"', "[[user]] x: there is no customer"),
        ('[[grant]]\nsubject = "mia"\nrole = "KING"\ncustomer = "mill"', "there is no role 'KING'"),
        (
            '[[grant]]\nsubject = "ghost"\nrole = "SAMPLEDB-USER"\ncustomer = "mill"',
            "no user or group 'ghost'",
        ),
        ('[[user]]\nshortName = "x y"\ncustomer = "mill"', "[[user]] x y:"),
        ('[[user]]\nshortName = "x"\ncustomer = "mill"\nname = "X\\u0000"', "[[user]] x:"),
        ('[[user]]\nshortName = "2024"\ncustomer = "mill"', "[[user]] 2024: the short name 2024 is a number"),
        (
            '[[customer]]\nshortName = "7"\nname = "X"\ndomain = "here"',
            "[[customer]] 7: the short name 7 is a number",
        ),
        ('[[user]]\nshortname = "x"\ncustomer = "mill"', "shortname"),
        ("[[planet]]\nname = 'x'", "no kind of entry named 'planet'"),
        ("not toml", "is not TOML"),
        (
            '[[customer]]\nshortName = "mill"\nname = "M"\ndomain = "here"\nparent = "mill-dock"',
            "is among its own parents",
        ),
    ],
)
def test_a_mistake_is_named_with_file_entry_and_reason(
    service: Service, tmp_path: Path, text: str, said: str
) -> None:
    path = tenants(tmp_path, text)

    done = service.run("apply", path)

    assert done.returncode == 1
    assert said in done.stderr
    assert path in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_file_may_begin_with_a_byte_order_mark(service: Service, tmp_path: Path) -> None:
    path = tenants(tmp_path, "\ufeff" + TENANTS.read_text("utf-8"))

    assert service.run("apply", path).returncode == 0


def test_a_mistake_anywhere_changes_nothing(service: Service, bank: Bank, tmp_path: Path) -> None:
    short_name = name_of("user")
    text = f'[[user]]\nshortName = "{short_name}"\ncustomer = "mill"\nkey = true\n[[domain]]\nnam = "x"'

    service.run("apply", tenants(tmp_path, text))

    sample = Sample()
    body = bank.submission_body(bank.token(sample), acl=[short_name])
    refused = bank.post(f"{sample.path}/submission", body, "mia")
    assert (refused.status_code, fields_of(refused)) == (412, {"acl[0]"})


def test_a_file_that_is_not_there_is_one_line(service: Service) -> None:
    done = service.run("apply", "no-such-file.toml")

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no-such-file.toml" in done.stderr
