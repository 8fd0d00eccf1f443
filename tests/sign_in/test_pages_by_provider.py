"""Signing in by OpenID Connect, through a real provider: who is let in, and whose rights follow the claims."""

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from kit.bank import eventually, name_of, together
from kit.oidc import GROUPS, RULE, RULES, ProviderServer, apply, back_of, sign_in_as, somebody
from kit.service import Service
from kit.visitor import Shown, Visitor
from samplebank.assembly import clock
from samplebank.web.pages.oidc import PLAIN, Way

#: what a page with this text shows to holders of viewAnalysisPolicy alone
FOR_JUDGES = "/policy"


@pytest.fixture
def changing_rules(mine: Service, tmp_path: Path) -> Iterator[None]:
    """Give the service its rules again, behind a test that changes rules."""
    yield
    apply(mine, tmp_path, GROUPS + RULES)


def told_sign_ins(mine: Service, account: str) -> list[str]:
    """The ways of signing in that the ledger tells of; none while a process has not heard of the user."""
    told = mine.run("audit", "--user", account, "--action", "signIn", "--json")
    return [] if told.returncode else [one["details"]["way"] for one in json.loads(told.stdout)["entries"]]


def sent_away(visitor: Visitor) -> dict[str, str]:
    """What the service tells the provider, when a sign-in begins."""
    begun = visitor.get("/login/oidc?next=/jobs", follow=False)
    assert begun.status == 303, begun.text()
    return {
        name: values[0]
        for name, values in parse_qs(urlsplit(begun.response.headers["Location"]).query).items()
    }


def user_of(shown: Shown) -> str:
    return shown.text("header")


def test_the_sign_in_page_leads_to_the_provider_and_back_to_the_page_asked_for(
    mine: Service, company: ProviderServer
) -> None:
    account = somebody(company, "staff")
    visitor = Visitor(mine.url)

    (link,) = [link for link in visitor.get("/login?next=/jobs").links() if "oidc" in link]
    shown = visitor.get("/" + link.removeprefix("./"), headers={"Account": account})

    assert link.endswith("login/oidc?next=/jobs")
    assert (shown.status, shown.response.url) == (200, f"{mine.url}/jobs")
    assert account in user_of(shown)


def test_the_ledger_tells_of_the_sign_in(mine: Service, company: ProviderServer) -> None:
    account = somebody(company, "staff")

    sign_in_as(account, Visitor(mine.url))

    assert eventually(partial(told_sign_ins, mine, account)) == ["oidc"]


def test_the_page_of_the_account_tells_how_each_session_was_opened(
    mine: Service, company: ProviderServer
) -> None:
    account = somebody(company, "staff")
    visitor = Visitor(mine.url)
    sign_in_as(account, visitor)
    (link,) = re.findall(r"link=(\S+)", mine.run("login", account).stdout)

    Visitor(mine.url).post("/login", {"link": link})

    opened = [row.css("td")[4].text() for row in visitor.get("/me").all("section:first-of-type tbody tr")]
    assert sorted(opened) == ["link", "sign-in service"]


def test_the_same_account_is_the_same_user_again(mine: Service, company: ProviderServer) -> None:
    account = somebody(company, "staff")
    sign_in_as(account, Visitor(mine.url))
    company.account(account, groups=["staff"], preferred_username="another name")

    again = sign_in_as(account, Visitor(mine.url))

    assert account in user_of(again)


def test_two_first_sign_ins_at_once_are_of_one_user(mine: Service, company: ProviderServer) -> None:
    account = somebody(company, "staff")

    shown = together([partial(sign_in_as, account, Visitor(mine.url)) for _ in range(4)])

    assert [one.status for one in shown] == [200] * 4
    assert len({user_of(one) for one in shown}) == 1


def test_an_account_with_the_name_of_a_user_is_somebody_else(mine: Service, company: ProviderServer) -> None:
    impostor = name_of("account")
    company.account(impostor, groups=["staff"], preferred_username="chief")

    shown = sign_in_as(impostor, visitor := Visitor(mine.url))

    assert re.search(r"chief-[0-9a-f]{8}", user_of(shown))
    assert visitor.get(FOR_JUDGES).status == 403


def test_whoever_matches_no_rule_is_told_whom_to_ask(mine: Service, company: ProviderServer) -> None:
    account = somebody(company, "canteen")

    shown = sign_in_as(account, visitor := Visitor(mine.url))

    assert shown.status == 403
    assert account in shown.text()
    assert "ask who runs the service" in shown.text()
    assert visitor.get("/jobs", follow=False).status == 303


def test_groups_follow_the_claims_at_each_sign_in(mine: Service, company: ProviderServer) -> None:
    account = somebody(company, "staff", "soc")
    sign_in_as(account, visitor := Visitor(mine.url))
    before = visitor.get(FOR_JUDGES).status
    company.account(account, groups=["staff"], preferred_username=account)

    sign_in_as(account, Visitor(mine.url))

    assert before == 200
    assert eventually(lambda: visitor.get(FOR_JUDGES).status == 403)
    assert visitor.get("/jobs", follow=False).status == 200


def test_who_matches_no_rule_any_more_is_signed_out_everywhere(
    mine: Service, company: ProviderServer
) -> None:
    account = somebody(company, "staff")
    sign_in_as(account, visitor := Visitor(mine.url))
    company.account(account, groups=[], preferred_username=account)

    refused = sign_in_as(account, Visitor(mine.url))

    assert refused.status == 403
    assert eventually(lambda: visitor.get("/jobs", follow=False).status == 303)


def test_a_removed_user_does_not_come_back_by_signing_in(mine: Service, company: ProviderServer) -> None:
    account = somebody(company, "staff")
    sign_in_as(account, Visitor(mine.url))

    done = mine.run("accounts", "remove-user", account)
    again = sign_in_as(account, Visitor(mine.url))

    assert (done.returncode, again.status) == (0, 403)


def test_a_group_of_a_rule_is_not_removed(mine: Service, company: ProviderServer) -> None:
    done = mine.run("accounts", "remove-group", "readers")

    shown = sign_in_as(somebody(company, "staff"), Visitor(mine.url))
    assert done.returncode == 1
    assert "A rule for signing in names the group readers" in done.stderr
    assert shown.status == 200


@pytest.mark.usefixtures("changing_rules")
def test_a_tenants_file_keeps_members_by_rule_and_takes_members_without_a_rule(
    mine: Service, company: ProviderServer, tmp_path: Path
) -> None:
    account = somebody(company, "staff", "soc")
    sign_in_as(account, visitor := Visitor(mine.url))

    apply(mine, tmp_path, GROUPS)
    kept = [visitor.get(FOR_JUDGES).status for _ in range(2)]
    apply(mine, tmp_path, RULE.format("staff", "readers"))

    assert kept == [200, 200]
    assert eventually(lambda: visitor.get(FOR_JUDGES).status == 403)
    assert visitor.get("/jobs", follow=False).status == 200


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (
            RULE.format("one", "ghosts")
            + RULE.format("two", "mia")
            + RULE.format("three", "guests").replace("mill", "moon"),
            [
                "[[signIn]] one: there is no group 'ghosts'",
                "[[signIn]] two: there is no group 'mia'",
                "[[signIn]] three: there is no customer 'moon'",
            ],
        ),
        (
            '[[signIn]]\nvalue = "x"\ncustomer = "mill"',
            ["[[signIn]] x: Object missing required field `group`"],
        ),
    ],
)
def test_each_rule_with_a_mistake_is_named(
    mine: Service, tmp_path: Path, rules: str, said: list[str]
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(rules)

    done = mine.run("apply", str(path))

    assert done.returncode == 1
    assert [one for one in said if one not in done.stderr] == []


def test_a_sign_in_that_another_browser_began_is_refused(mine: Service) -> None:
    sent = sent_away(Visitor(mine.url))
    victim = Visitor(mine.url)
    sent_away(victim)

    shown = victim.get(f"/login/oidc/back?code=of-the-attacker&state={sent['state']}")

    assert shown.status == 400
    assert "begin again" in shown.text()
    assert victim.get("/jobs", follow=False).status == 303


@pytest.mark.parametrize(
    "query", ["", "code=x", "code=x&state=", "state=x&error=access_denied", "code=%00&state=x"]
)
def test_a_way_back_without_a_way_there_is_refused(mine: Service, query: str) -> None:
    assert Visitor(mine.url).get(f"/login/oidc/back?{query}").status == 400


@pytest.mark.parametrize("begun", [-11 * 60_000, 2 * 60_000], ids=["too long ago", "in the future"])
def test_a_way_back_of_a_sign_in_from_another_time_is_refused(mine: Service, begun: int) -> None:
    way = Way("s" * 43, clock() + begun, "/")

    shown = Visitor(mine.url).get(
        f"/login/oidc/back?code=x&state={way.word('state')}", headers={"Cookie": f"{PLAIN}={way.value}"}
    )

    assert (shown.status, "begin again" in shown.text()) == (400, True)


def test_the_cookie_of_a_sign_in_is_out_of_reach_of_scripts_and_goes_with_the_way_back(mine: Service) -> None:
    visitor = Visitor(mine.url)

    given = visitor.get("/login/oidc", follow=False).response.headers["Set-Cookie"]
    taken = visitor.get("/login/oidc/back").response.headers["Set-Cookie"]

    assert {"httponly", "samesite=lax"} <= {part.strip() for part in given.lower().split(";")}
    assert "max-age=0" in taken.lower()


def test_a_code_signs_in_once(mine: Service, company: ProviderServer) -> None:
    visitor, account = Visitor(mine.url), somebody(company, "staff")
    shown = sign_in_as(account, visitor)
    (way,) = [one for one in shown.response.history if one.url.startswith(back_of(mine))]
    begun = next(one for one in shown.response.history if one.url.startswith(f"{mine.url}/login/oidc?"))
    header = {"Cookie": begun.headers["Set-Cookie"].partition(";")[0]}

    again = Visitor(mine.url).get(way.url.removeprefix(mine.url), headers=header)

    assert again.status == 409
    assert "used already" in again.text()


def test_who_declines_at_the_provider_reads_so(mine: Service) -> None:
    shown = Visitor(mine.url).get("/login/oidc")

    assert shown.status == 403
    assert "you have declined" in shown.text()


def test_an_answer_of_another_provider_is_refused(mine: Service) -> None:
    visitor = Visitor(mine.url)
    sent = sent_away(visitor)

    shown = visitor.get(f"/login/oidc/back?code=x&iss=https://evil.example&state={sent['state']}")

    assert shown.status == 502
    assert "another sign-in service" in shown.text()


def test_the_way_goes_with_proof_keys_and_to_own_pages_only(mine: Service, company: ProviderServer) -> None:
    account = somebody(company, "staff")

    sent = sent_away(Visitor(mine.url))
    shown = sign_in_as(account, Visitor(mine.url), target="//evil.example")

    assert (sent["code_challenge_method"], sent["response_type"]) == ("S256", "code")
    assert len({sent["state"], sent["nonce"], sent["code_challenge"]}) == 3
    assert shown.response.url == f"{mine.url}/"


def test_neither_codes_nor_tokens_are_logged(mine: Service, company: ProviderServer) -> None:
    shown = sign_in_as(somebody(company, "staff"), Visitor(mine.url))

    (way,) = [one for one in shown.response.history if one.url.startswith(back_of(mine))]
    code = parse_qs(urlsplit(way.url).query)["code"][0]
    log = mine.log.read_text()
    assert code not in log
    assert "eyJ" not in log
