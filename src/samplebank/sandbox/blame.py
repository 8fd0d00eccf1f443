"""Tells an error of foreign code with its place, for the author of the code."""

import importlib
import traceback
from collections.abc import Iterable
from pathlib import Path

#: letters of the message of an error, and of a place
MOST = 300
#: what stands between the foreign code and us: nothing there is to blame
OWN_FOLDER = Path(__file__).parents[1]


def told(error: BaseException, folders: Iterable[Path] = ()) -> str:
    """The error in one sentence, with file and line where foreign code raised the error.

    Of several places the last one in `folders` is told: there the code of the author lies, elsewhere what the code uses.
    """
    said = " ".join(str(error)[:MOST].split())
    named = f"{type(error).__name__}: {said}" if said else type(error).__name__
    place = _place(error, tuple(folders))
    sentence = f"{named} ({place})" if place else named
    return sentence.encode(errors="backslashreplace").decode()


def _place(error: BaseException, folders: tuple[Path, ...]) -> str:
    places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    foreign = [(file, line) for file, line in places if _is_foreign(file)]
    of_author = [(file, line) for file, line in foreign if any(map(Path(file).is_relative_to, folders))]
    file, line = (of_author or foreign or [("", 0)])[-1]
    return f"{file[-MOST:]}, line {line}" if file else ""


def _is_foreign(file: str) -> bool:
    is_in_file = not file.startswith("<") and file != importlib.__file__
    return is_in_file and not Path(file).is_relative_to(OWN_FOLDER)
