"""Checks of the analysers that a worker is given together."""

from collections import Counter
from collections.abc import Mapping, Sequence

from samplebank.worker.errors import UnknownSetting, WorkerError
from samplebank.worker.sandboxed import SandboxedAnalyser


def check_names(names: Sequence[str]) -> None:
    """Refuse two analysers with one short name: a task would go to either, and each would change what the other said."""
    twice = next((name for name, number in Counter(names).items() if number > 1), None)
    if twice is not None:
        raise WorkerError(
            f"Two of the analysers have the short_name {twice}: run them one by one, or give one class another short_name."
        )


def check_settings(settings: Mapping[str, str], analysts: Sequence[SandboxedAnalyser]) -> None:
    """Refuse a setting that none of the analysers takes: a typing error would go unnoticed otherwise."""
    known = [analyst.description.known_settings for analyst in analysts]
    taken = {name for names in known if names for name in names}
    unknown = sorted(settings.keys() - taken)
    if unknown and None not in known:
        says = f"they take {', '.join(sorted(taken))}" if taken else "they take none"
        raise UnknownSetting(f"These analysers know no setting {unknown[0]}: {says}.")
