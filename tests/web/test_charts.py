"""Charts: every bar is a link that says its number."""

from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from samplebank.web.charts import HEIGHT, WIDTH, Bar, Span, bars, lane

ENDS = ("Monday", "Sunday")


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=80))
def test_bars_stay_within_the_picture(numbers: list[int]) -> None:
    tree = LexborHTMLParser(bars("all", [Bar(number, str(number)) for number in numbers], ENDS))

    drawn = [
        [float(str(node.attributes[name])) for name in ("x", "y", "width", "height")]
        for node in tree.css("rect")
    ]
    assert len(drawn) == len(numbers)
    assert all(
        0 <= x <= x + width <= WIDTH + 1 and 0 <= y <= y + height <= HEIGHT + 0.2
        for x, y, width, height in drawn
    )


def test_a_bar_with_a_link_is_a_link_with_words() -> None:
    tree = LexborHTMLParser(bars("all", [Bar(3, "Monday: 3", "samples?q=a&b")], ENDS))

    link = tree.css("a")[0]
    assert (link.attributes["href"], link.attributes["aria-label"]) == ("samples?q=a&b", "Monday: 3")
    assert tree.css("rect title")[0].text() == "Monday: 3"


def test_bars_say_where_they_begin_and_end_and_how_high_the_highest_is() -> None:
    tree = LexborHTMLParser(bars("all", [Bar(3, "3"), Bar(1200, "1200")], ENDS))

    assert [node.text() for node in tree.css(".axis span")] == ["Monday", "highest: 1,200", "Sunday"]


def test_no_bars_are_no_picture() -> None:
    assert bars("all", [], ENDS) == ""


@given(st.integers(0, 10**13), st.integers(-5, 10**9), st.lists(st.tuples(st.integers(), st.integers())))
def test_spans_stay_within_their_lane(begin: int, length: int, spans: list[tuple[int, int]]) -> None:
    drawn = lane(begin, begin + length, [Span("wait", one, other, "x") for one, other in spans])

    for node in LexborHTMLParser(drawn).css("rect"):
        x, width = (float(str(node.attributes[name])) for name in ("x", "width"))
        assert 0 <= x <= x + width <= WIDTH + 0.2
        assert width > 0


def test_a_lane_says_its_spans_in_words() -> None:
    drawn = lane(0, 100, [Span("wait", 0, 50, "waited 50 ms"), Span("success", 50, 100, "worked 50 ms")])

    tree = LexborHTMLParser(drawn)
    assert tree.css("svg")[0].attributes["aria-label"] == "waited 50 ms; worked 50 ms"
    assert [node.attributes["x"] for node in tree.css("rect")] == ["0.0", "300.0"]
