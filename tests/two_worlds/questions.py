"""Questions made from the declarations of the routes: a new operation of the interface is asked without a line here.

Which questions a seed makes is settled by the seed.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from samplebank.query.jobs import JOBS
from samplebank.query.samples import SAMPLES
from two_worlds.names import Names

JSON = "application/json"
#: the share of the fields that a question gives: little, so that questions find something
SHARE, DEPTH = 0.2, 3
#: fields that are asked by following pages, or by which a caller waits
LEFT_OUT = frozenset({"after", "wait", "waitSeconds", "link"})
#: a parameter that may be left out where another is given, but is always given here
DEMANDED = {"exportSamples": "q"}
#: operations about the past: what they tell of the questions themselves has times and ids of each world's own
OF_THE_PAST = frozenset({"listAudit", "showAudit"})
NUMBERS = (0, 1, 2, 3, 5, 25, 100)


class Question(NamedTuple):
    """A request. `operation` is the id of the operation."""

    operation: str
    method: str
    path: str
    body: bytes | None = None
    kind: str = JSON
    accepts: str = ""

    def __str__(self) -> str:
        return f"{self.operation}: {self.method} {self.path} {(self.body or b'').decode(errors='replace')}"

    def behind(self, cursor: str) -> "Question | None":
        """The question for the page behind the cursor. None for a question that takes no cursor."""
        if self.method == "GET":
            return self._replace(path=f"{self.path}{'&' if '?' in self.path else '?'}after={cursor}")
        fields = json.loads(self.body or b"{}")
        return self._replace(body=json.dumps({**fields, "after": cursor}).encode())


class Field(NamedTuple):
    name: str
    schema: Mapping[str, Any]
    is_needed: bool = False


class Operation(NamedTuple):
    """What questions of an operation are made from. `body` is a schema; `form` has values for each field of a form."""

    id: str
    method: str
    path: str
    in_path: Sequence[str] = ()
    query: Sequence[Field] = ()
    body: Mapping[str, Any] | None = None
    form: Mapping[str, Sequence[str]] | None = None
    raw: Sequence[bytes] = ()
    accepts: Sequence[str] = ("",)


class Asker:
    """Makes questions about the named things. `schemas` are what schemas refer to."""

    def __init__(self, operations: Sequence[Operation], schemas: Mapping[str, Any], names: Names) -> None:
        self.operations = operations
        self._schemas = schemas
        self._names = names
        self._words = words_of(names)

    def questions(self, number: int, seed: int) -> Iterator[Question]:
        """So many questions, evenly of all operations, and no question twice."""
        chance, asked = random.Random(seed), set[Question]()  # noqa: S311 repeatable, not secret
        for turn in range(3 * number):
            operation = self.operations[turn % len(self.operations)]
            question = self._question(chance, operation, turn // len(self.operations))
            if question not in asked:
                asked.add(question)
                yield question
            if len(asked) == number:
                return

    def _question(self, chance: random.Random, operation: Operation, turn: int) -> Question:
        """The first question of an operation is a plain one, which some caller gets an answer to."""
        path = operation.path
        if operation.in_path:
            choices = self._names.paths(operation.in_path)
            for name, value in choices[turn % len(choices)].items():
                path = path.replace("{" + name + "}", value)
        past = {"until": str(self._names.times[-1])} if operation.id in OF_THE_PAST else {}
        query = [
            (field.name, text)
            for field in operation.query
            if field.name not in past
            if field.is_needed
            or field.name == DEMANDED.get(operation.id)
            or (turn and field.name not in LEFT_OUT and chance.random() < 2 * SHARE)
            for text in _texts(self._value(chance, field.name, field.schema, DEPTH))
        ]
        query += past.items()
        body, kind = self._body(chance, operation, DEPTH if turn else 0)
        address = f"{path}?{urlencode(query)}" if query else path
        return Question(operation.id, operation.method, address, body, kind, chance.choice(operation.accepts))

    def _body(self, chance: random.Random, operation: Operation, depth: int) -> tuple[bytes | None, str]:
        if operation.form is not None:
            given = [
                (name, chance.choice(self._words.get(values[0], values)))
                for name, values in operation.form.items()
            ]
            return urlencode(given).encode(), "application/x-www-form-urlencoded"
        if operation.body is not None:
            return json.dumps(self._value(chance, "", operation.body, depth)).encode(), JSON
        return (chance.choice(operation.raw), "application/octet-stream") if operation.raw else (None, JSON)

    def _value(self, chance: random.Random, name: str, schema: Mapping[str, Any], depth: int) -> Any:
        if "$ref" in schema:
            return self._value(chance, name, self._schemas[schema["$ref"].rsplit("/", 1)[1]], depth)
        for choice in ("anyOf", "oneOf"):
            if choice in schema:
                given = [one for one in schema[choice] if one.get("type") != "null"]
                return self._value(chance, name, chance.choice(given), depth)
        if "enum" in schema:
            return chance.choice([one for one in schema["enum"] if one is not None])
        kinds = schema.get("type", "string")
        kind = kinds if isinstance(kinds, str) else next(one for one in kinds if one != "null")
        return self._of_kind(chance, name, schema, depth, kind)

    def _of_kind(
        self, chance: random.Random, name: str, schema: Mapping[str, Any], depth: int, kind: str
    ) -> Any:
        if kind == "object" or "properties" in schema:
            return self._object(chance, schema, depth)
        if kind == "array":
            few = range(chance.choice((1, 1, 2, 3)))
            values = [self._value(chance, name, schema["items"], depth - 1) for _ in few]
            return [one for place, one in enumerate(values) if one not in values[:place]]
        if kind in {"integer", "number"}:
            return self._number(chance, name, schema)
        return chance.random() < SHARE if kind == "boolean" else self._text(chance, name)

    def _object(self, chance: random.Random, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        needed = schema.get("required", ())
        return {
            name: self._value(chance, name, inner, depth - 1)
            for name, inner in schema.get("properties", {}).items()
            if name in needed or (depth > 0 and name not in LEFT_OUT and chance.random() < SHARE)
        }

    def _number(self, chance: random.Random, name: str, schema: Mapping[str, Any]) -> int:
        if "imestamp" in name:
            return chance.choice(self._names.times)
        if name in {"customer", "user", "acl"}:
            return chance.choice(range(1, 30))
        least, most = schema.get("minimum", 0), schema.get("maximum", 100)
        return chance.choice([one for one in (*NUMBERS, least, min(most, 1000)) if least <= one <= most])

    def _text(self, chance: random.Random, name: str) -> str:
        return chance.choice(self._words.get(name) or self._words["keywords"])


def words_of(names: Names) -> dict[str, list[str]]:
    """Texts by the name of the field."""
    known = names.all("sha256")
    times = [*map(str, names.times), "now", "now - 1 hour", "now - 1 minute"]
    words = {name: names.all(name) for name in names.pools()}
    words |= dict.fromkeys(
        ("startTimestamp", "endTimestamp", "indexStartTimestamp", "indexEndTimestamp"), times
    )
    words |= dict.fromkeys(("sampleSha256", "reference"), known)
    words |= dict.fromkeys(("parentTask", "rootTask", "correlationID"), names.all("serviceTaskID"))
    return words | {
        "customer": ["mill", "mill-north", "quarry", "harbour", "lagoon", "nowhere"],
        "user": ["mia", "nora", "chief", "hana", "quinn", "lars", "nobody-at-all"],
        "acl": ["hana", "gus", "lagoon", "guests", "nobody-at-all"],
        "keywords": [*names.words, *known, "exe"],
        "value": names.words,
        "fileName": ["invoice.exe", "secret.exe", *names.words],
        "name": ["tests", "scanner", "trusted-agent"],
        "version": ["1.0"],
        "path": ["source", "told", "batch"],
        "type": ["gif", "unknown", "family"],
        "mimeType": ["application/octet-stream", "image/gif"],
        "operation": ["reanalyse", "deleteSample", "delete"],
        "worker": names.all("idOrShortName"),
        "on": ["list:jobs", *(f"job:{one}" for one in names.all("jobID")), *(f"hunt:{one}" for one in names.all("huntID"))],
        "without": names.all("analysisID"),
        "batch": names.all("batchID"),
        "job": names.all("jobID"),
        "text": [" ".join(known), *names.words],
        "pattern": ["4749", "seen"],
        "q": queries(names),
        "query": queries(names),
        "at": ["0", "16", "0x20"],
        "state": ["done"],
        "like": ["a", "GIF"],
        "find": ["47 49", "GIF"],
        "next": ["/jobs"],
    }  # fmt: skip


def queries(names: Names) -> list[str]:
    """Queries with each field of the language."""
    examples = [one.example for language in (SAMPLES, JOBS) for one in language.fields]
    values = {
        "customer": ["mill", "harbour", "quarry", "lagoon"],
        "user": ["mia", "hana", "lars"],
        "name": ["invoice*", "secret*"],
        "worker": ["scanner"],
        "score": [">50", "<101"],
        "meta.source": ["mail"],
        "state": ["done", "enqueued", "executing"],
    }
    named = [f"{field}:{value}" for field, choices in values.items() for value in choices]
    words = [f'"{word}"' for word in names.words]
    digests = [f"sha256:{one}" for one in names.all("sha256")[::3]]
    plain = [*examples, *named, *words, *digests]
    return ["", *plain, *(f"-{one}" for one in named), *(f"{one} {named[0]}" for one in plain)]


def _texts(value: Any) -> list[str]:
    """The value as the parameters of a query have it."""
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value if isinstance(value, str) else json.dumps(value)]
