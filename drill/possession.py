"""Who does not hold the bytes of a file answers no challenge: with its hash alone, and with 99 % of its bytes."""

import asyncio
import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from bench.databases import connected
from bench.service import Service

from drill.clients import TOO_MANY, Line
from drill.installations import installed
from drill.restarts import SETTINGS
from drill.rows import Row
from samplebank.accounts.keys import digest
from samplebank.rehearsal.load import AGENT, V2

#: wrong answers that a user has in a day, by default
EACH = 20
CLIENTS = 4
SIZES = (4096, 5000, 20_000, 100_000, 1 << 20)
LARGEST = 1 << 25
#: of how many tries one is about the largest file
LARGE_SHARE = 50
ADD_USER = "INSERT INTO subject (kind, short_name, name, customer_id) SELECT 'user', $1, $1, id FROM customer LIMIT 1 RETURNING id, customer_id"
ADD_KEY = "INSERT INTO api_key (id, user_id, digest, created_time) VALUES (gen_random_uuid(), $1, $2, 0)"


class File(msgspec.Struct, frozen=True):
    sha256: str
    size: int
    #: the bytes of the file; the last hundredth is guessed
    guessed: bytes


#: the answer of a client who is asked for (offset, length) of a file
Answer = Callable[[File, int, int], str]


def run(folder: Path, rounds: int) -> Iterator[Row]:
    with installed(folder, SETTINGS) as service:
        service.start()
        files = [_stored(service, size) for size in (*SIZES, LARGEST)]
        yield _tries("challenges with the hash alone", service, files, rounds, lambda file, *_: file.sha256)
        yield _tries("challenges with 99 % of the bytes", service, files, rounds, _guess)


def _stored(service: Service, size: int) -> File:
    line, content = Line(service), secrets.token_bytes(size)
    sha256, _ = line.store(content, "whole")
    line.close()
    known = size - -(-size // 100)
    return File(sha256, size, content[:known] + bytes(size - known))


def _guess(file: File, offset: int, length: int) -> str:
    return hashlib.sha256(file.guessed[offset : offset + length]).hexdigest()


def _tries(fault: str, service: Service, files: Sequence[File], rounds: int, answer: Answer) -> Row:
    users = asyncio.run(_users(service.database_url, -(-rounds // EACH)))
    with ThreadPoolExecutor(CLIENTS) as pool:
        told = list(pool.map(lambda one: _try(service, one[1], one[0], files, answer), enumerate(users)))
    answers: Counter[str] = sum((one for one in told), Counter())
    seen = (
        f"{answers['answered']:,} wrong answers, {answers['success']} successes; {answers['barred']} of {len(users)}"
        f" users refused after {EACH}, {answers['other']} other answers"
    )
    met = not answers["success"] + answers["other"] and answers["barred"] == len(users)
    return Row(fault, answers["answered"] + answers["success"], "0 successes; refused after 20", seen, met)


def _try(service: Service, key: str, number: int, files: Sequence[File], answer: Answer) -> Counter[str]:
    """All tries of one user, and one more, which must be refused."""
    line, told = Line(service, key), Counter[str]()
    for n in range(number * EACH, (number + 1) * EACH):
        file = files[-1] if n % LARGE_SHARE == 0 else files[n % len(SIZES)]
        status, asked = line.ask_json("POST", f"{V2}/sample/{file.sha256}/challenge")
        if status >= 300:  # noqa: PLR2004 an HTTP status
            told["other"] += 1
            continue
        told[_redeem(line, file, asked["data"], answer)] += 1
    barred, _ = line.ask_json("POST", f"{V2}/sample/{files[0].sha256}/challenge")
    told["barred"] += barred == TOO_MANY
    line.close()
    return told


def _redeem(line: Line, file: File, asked: dict[str, Any], answer: Answer) -> str:
    token = {"id": asked["id"], "sha256": answer(file, asked["offset"], asked["length"])}
    body = {"challengeToken": token, "fileName": "stolen", "userAgent": AGENT}
    status, _ = line.ask_json("POST", f"{V2}/sample/{file.sha256}/submission", body)
    if status < 300:  # noqa: PLR2004 an HTTP status
        return "success"
    return "answered" if status == 412 else "other"  # noqa: PLR2004 an HTTP status


async def _users(url: str, number: int) -> list[str]:
    """The keys of new users who may submit."""
    keys = []
    async with connected(url) as db:
        for _ in range(number):
            key = "sb_" + secrets.token_urlsafe(32)
            user, customer = await db.fetchrow(ADD_USER, f"thief-{secrets.token_hex(6)}")
            await db.execute("INSERT INTO access_grant VALUES ($1, 'SAMPLEDB-USER', $2)", user, customer)
            await db.execute(ADD_KEY, user, digest(key))
            keys.append(key)
        await db.execute("UPDATE accounts_version SET version = version + 1")
    return keys
