"""`samplebank apply`: the accounts become as in the tenants file, or nothing changes."""

from pathlib import Path

import pytest

from kit.bank import Bank, Sample, fields_of, name_of
from kit.service import TENANTS, Service
from samplebank.accounts.tenants import read_tenants
from samplebank.database import Database
from samplebank.errors import Invalid


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
        ('[[user]]\nshortName = "x"\ncustomer = "mill"\nstoredBytes = -1', "[[user]] x: Expected `int` >= 1"),
        (
            '[[customer]]\nshortName = "x"\nname = "X"\ndomain = "here"\nweight = 0',
            "[[customer]] x: Expected `int` >= 1",
        ),
        (
            '[[customer]]\nshortName = "x"\nname = "X"\ndomain = "here"\nweight = 101',
            "[[customer]] x: Expected `int` <= 100",
        ),
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


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("customer", 'name = "X"\ndomain = "here"'),
        ("user", 'customer = "mill"'),
        ("group", 'customer = "mill"'),
    ],
)
def test_two_entries_with_the_same_short_name_are_refused(tmp_path: Path, kind: str, fields: str) -> None:
    entries = [f'[[{kind}]]\nshortName = "{name}"\n{fields}\n' for name in ("twice", "once", "twice")]
    path = tenants(tmp_path, "".join(entries))

    with pytest.raises(Invalid) as refused:
        read_tenants(Path(path))

    assert str(refused.value) == (
        f"{path}: [[{kind}]] twice: the short name twice stands in an entry before; make them one entry."
    )


def test_domains_and_grants_may_be_repeated(tmp_path: Path) -> None:
    entries = (
        '[[domain]]\nname = "here"\n[[grant]]\nsubject = "mia"\nrole = "SAMPLEDB-USER"\ncustomer = "mill"\n'
    )

    read = read_tenants(Path(tenants(tmp_path, 2 * entries)))

    assert (len(read.domain), len(read.grant)) == (2, 2)


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        ("-1", "Expected `int` >= 1"),
        ("0", "Expected `int` >= 1"),
        ("1000000000000001", "Expected `int` <= 1000000000000000"),
        ('"10 GB"', "Expected `int`, got `str`"),
        ("true", "Expected `int`, got `bool`"),
        ("1.5", "Expected `int`, got `float`"),
    ],
)
def test_every_field_at_fault_of_every_entry_is_named(tmp_path: Path, budget: str, reason: str) -> None:
    path = tenants(
        tmp_path,
        f"""
        [[customer]]
        shortName = "x"
        name = 7
        storedBytes = {budget}
        stored = 1

        [[user]]
        shortName = "y"
        customer = "mill"
        storedBytes = {budget}
        """,
    )

    with pytest.raises(Invalid) as refused:
        read_tenants(Path(path))

    assert [one.message.removeprefix(f"{path}: ") for one in refused.value.violations] == [
        "[[customer]] x: Object contains unknown field `stored`.",
        "[[customer]] x: Expected `str`, got `int` - at `$.name`.",
        "[[customer]] x: Object missing required field `domain`.",
        f"[[customer]] x: {reason} - at `$.storedBytes`.",
        f"[[user]] y: {reason} - at `$.storedBytes`.",
    ]


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


async def test_the_file_gives_weights_and_takes_back_weights(
    service: Service, tmp_path: Path, database: Database
) -> None:
    short_name = name_of("customer")
    entry = f'[[customer]]\nshortName = "{short_name}"\nname = "X"\ndomain = "here"'
    weights = []

    for text in (f"{entry}\nweight = 7", entry):
        assert service.run("apply", tenants(tmp_path, text)).returncode == 0
        async with database.connection() as db:
            weights.append(await db.fetchval("SELECT weight FROM customer WHERE short_name = $1", short_name))

    assert weights == [7, 1]
