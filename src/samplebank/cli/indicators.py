"""The indicators in results of analyses: addresses, domains, paths and the like, in a form that no program takes for an address."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Final

import msgspec

from samplebank.cli.answers import Analysis

#: rows of the table
MOST: Final = 50


class Indicator(msgspec.Struct, frozen=True):
    """`layer` is 0 for the file itself."""

    defanged: str
    layer: int = 0


class _Result(msgspec.Struct, frozen=True):
    iocs: Mapping[str, list[Indicator]] = {}


def rows_of(analyses: Iterable[Analysis]) -> list[tuple[str, str, int, str]]:
    """Kind, indicator, layer and worker of each indicator, each once, those of the newest analysis first."""
    return list(islice(dict.fromkeys(_rows(analyses)), MOST))


def _rows(analyses: Iterable[Analysis]) -> Iterator[tuple[str, str, int, str]]:
    for analysis in analyses:
        for kind, found in _indicators(analysis).items():
            for one in found:
                yield kind, one.defanged, one.layer, analysis.user_agent.name


def _indicators(analysis: Analysis) -> Mapping[str, list[Indicator]]:
    """The indicators of a result. A result of another shape has none."""
    with suppress(msgspec.MsgspecError):
        return msgspec.json.decode(analysis.analysis_result, type=_Result).iocs
    return {}
