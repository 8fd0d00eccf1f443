"""From the content of a page to HTML. Templates are strict: an unknown name is an error, and every value is escaped."""

from importlib.resources import files
from typing import Any, ClassVar, Final
from uuid import UUID

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from samplebank.accounts.model import Permission
from samplebank.accounts.saved_queries import LONGEST_NAME, LONGEST_QUERY
from samplebank.timespec import Millis
from samplebank.web import formatting
from samplebank.web.assets import path_of
from samplebank.web.wild import exact, plain, tame, typed, wild


class Page(msgspec.Struct, frozen=True):
    """The base of all pages: the fields are everything that the template may show.

    `template` is the file below `templates/`, `section` the part of the site that the navigation marks.
    """

    template: ClassVar[str]
    section: ClassVar[str] = ""


class Frame(msgspec.Struct, frozen=True):
    """What every page shows around its content.

    `root` is the relative way to the first page, `here` the path of the page, `theme` the look that the visitor
    chose, `user` the short name of who looks on, `may` the permissions of who looks on.
    """

    root: str
    here: str
    theme: str
    user: str | None
    may: frozenset[Permission]
    now: Millis
    milliseconds: int
    statements: int


def _finalize(value: object) -> object:
    """Show unseen characters of every text by name, wherever the text stands."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@pass_context
def _sample_link(context: Context, sha256: str) -> Markup:
    return formatting.sample_link(sha256, context["frame"].root)


@pass_context
def _job_link(context: Context, id_: UUID, word: str) -> Markup:
    return formatting.job_link(id_, word, context["frame"].root)


@pass_context
def _ago(context: Context, time: Millis | None) -> Markup:
    return formatting.ago(time, context["frame"].now)


#: how values are shown: filters of templates, which take a third of the time of functions
SHOWN: Final[dict[str, Any]] = {
    "wild": wild,
    "tame": tame,
    "typed": typed,
    "exact": exact,
    "badge": formatting.badge,
    "state": formatting.state,
    "task_marks": formatting.task_marks,
    "digest": formatting.digest,
    "size": formatting.size,
    "number": formatting.number,
    "duration": formatting.duration,
    "ago": _ago,
    "sample_link": _sample_link,
    "job_link": _job_link,
}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(str(files("samplebank.web") / "templates")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= SHOWN
    environment.globals |= {
        "quote": formatting.quoted,
        "longest_name": LONGEST_NAME,
        "longest_query": LONGEST_QUERY,
    }
    return environment


ENVIRONMENT: Final = _environment()


def render(content: Page, frame: Frame) -> str:
    """Draw a page. Raises `jinja2.UndefinedError` for a name that the content does not have."""
    template = ENVIRONMENT.get_template(content.template)
    fields: dict[str, Any] = {name: getattr(content, name) for name in content.__struct_fields__}
    return template.render(fields, section=content.section, **framed(frame))


def framed(frame: Frame) -> dict[str, Any]:
    """What every template has besides the content: the frame, and functions of the frame.

    Jinja makes a new context for each call in a loop of a function that asks for the context. So no function asks for the context.
    """
    root = frame.root
    return {
        "frame": frame,
        # the link to a page or file, given as a path from the first page on
        "to": root.__add__,
        # the link to a file of the pages
        "asset": lambda name: root + path_of(name),
    }
