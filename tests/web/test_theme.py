"""The look of pages: as the visitor chose, in a cookie that the server reads."""

import pytest

from kit.visitor import Visitor


def look_of(visitor: Visitor) -> str | None:
    return visitor.get("/login").all("html")[0].attributes.get("data-theme")


def test_a_stranger_sees_the_look_of_the_system(stranger: Visitor) -> None:
    assert look_of(stranger) is None


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chosen_look_is_kept(stranger: Visitor, theme: str) -> None:
    stranger.post("/theme", {"theme": theme})

    assert look_of(stranger) == theme


def test_the_choice_can_be_given_back_to_the_system(stranger: Visitor) -> None:
    stranger.post("/theme", {"theme": "dark"})

    stranger.post("/theme", {"theme": ""})

    assert (look_of(stranger), stranger.cookies) == (None, {})


def test_a_choice_leads_back_to_the_page(stranger: Visitor) -> None:
    fields = {
        str(field.attributes["name"]): str(field.attributes["value"])
        for field in stranger.get("/login?next=%2Fjobs").all("form.look input")
    }

    answer = stranger.post("/theme", {**fields, "theme": "dark"}, follow=False)

    assert answer.response.headers["Location"] == "./login?next=%2Fjobs"


def test_a_choice_leads_nowhere_else(stranger: Visitor) -> None:
    answer = stranger.post("/theme", {"theme": "dark", "next": "//evil.example/"}, follow=False)

    assert answer.response.headers["Location"] == "./"


@pytest.mark.parametrize("theme", ["blue", '"', "dark; Domain=evil.example"])
def test_an_unknown_look_is_refused(stranger: Visitor, theme: str) -> None:
    refused = stranger.post("/theme", {"theme": theme})

    assert (refused.status, stranger.cookies) == (400, {})
    assert "theme" in refused.text()


def test_another_site_cannot_choose(stranger: Visitor) -> None:
    refused = stranger.post("/theme", {"theme": "dark"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert (refused.status, stranger.cookies) == (403, {})


@pytest.mark.parametrize("cookie", ["", "blue", "'><script>", "x" * 5000])
def test_a_forged_look_is_no_look(stranger: Visitor, cookie: str) -> None:
    shown = stranger.get("/login", headers={"Cookie": f"samplebank-theme={cookie}"})

    assert (shown.status, shown.all("html")[0].attributes.get("data-theme")) == (200, None)
