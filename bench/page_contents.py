"""The contents of the measured pages: samples, waiting jobs, a batch of files, and a sample of 2 GiB with very many links."""

import asyncio
import hashlib
import json
import os
import uuid
from typing import Any

from bench import clients, relatives
from bench.databases import connected
from bench.figures.cycle import make_workers, wait_for_classifier
from bench.ports import HOST
from bench.service import Service
from bench.tenants import Tenants
from bench.wire import Wire
from samplebank.accounts.caller import of_customer
from samplebank.blobs import Area, DiskStore

#: workers without a process, so that the jobs of the batch wait
WORKERS = ("static", "yara")
FILES, FILE_SIZE = 200, 16 * 1024
HUGE, LINKS = 2 * 2**30, 10_000
#: where the sample of 2 GiB has strings, and bytes from a string to the next: a page looks through 64 KiB
MIDDLE, STRINGS, APART = HUGE // 2, 512, 128
#: samples with facts in a quick run
FEW = 20_000
#: two samples of a family and the job of the first: of a customer whose readers may see both, any for 0
GENERATED = """
    SELECT encode(s.sha256, 'hex'), encode(other.sha256, 'hex'), j.id::text
      FROM derived_fact f JOIN sample s ON s.id = f.sample_id JOIN job j ON j.sample_id = s.id
      CROSS JOIN LATERAL (
          SELECT o.sha256 FROM derived_value v JOIN sample o ON o.id = v.sample_id
           WHERE v.digest = f.digests[1] AND o.id <> s.id AND ($1::bigint = 0 OR o.readers @> ARRAY[$2::bigint]) LIMIT 1
      ) other
     WHERE f.kind = 'imphash' AND ($1::bigint = 0 OR j.customer_id = $1 AND s.readers @> ARRAY[$2::bigint])
     ORDER BY s.id DESC LIMIT 1
"""
OF_BATCH = """
    SELECT j.id::text FROM job j JOIN submission u ON u.id = j.submission_id
     WHERE u.meta_data @> $1 AND j.end_time IS NULL LIMIT 1
"""
GROW = "UPDATE sample SET size = $2 WHERE sha256 = $1"
LINK = """
    INSERT INTO link (id, sample_id, reference, type, customer_id, user_id, tlp, acl, readers, agent_name, agent_version,
                      created_time)
    SELECT gen_random_uuid(), u.sample_id, other.sha256, 'child', u.customer_id, u.user_id, 'amber', '{}', u.readers,
           'bench', '1', u.submitted_time + other.id
      FROM (SELECT u.* FROM submission u JOIN sample s ON s.id = u.sample_id WHERE s.sha256 = $1 LIMIT 1) u,
           (SELECT id, sha256 FROM sample WHERE sha256 <> $1 ORDER BY id LIMIT $2) other
"""
#: hashes of a pasted text, half of which are known
HASHES = "SELECT encode(sha256, 'hex'), encode(sha512, 'hex') FROM (SELECT sha256, sha512(sha256) FROM sample ORDER BY id DESC LIMIT 100) _"
#: milliseconds for which everybody has been away, so that the first page counts what is new: generated samples end a day ago
AWAY = 3 * 24 * 3_600_000
#: seconds that a statement may take: facts of very many samples are indexed
PATIENCE = 3600.0
BEFORE = "UPDATE last_visit SET before_time = seen_time - $1"


async def make(service: Service, tenants: Tenants, size: int, *, quick: bool) -> dict[str, str]:
    """Make the contents of the pages. Returns the names in the paths of the pages, and an offset. Raises `WrongAnswer`.

    `own_sample`, `own_other` and `own_job` are for the reader of one customer.
    """
    one = tenants.one_customer
    async with connected(service.database_url, timeout_seconds=PATIENCE) as db:
        await relatives.fill(db, most=FEW if quick else None)
        ((sample, other, job),) = await db.fetch(GENERATED, 0, 0)
        hashes = [hash_ for row in await db.fetch(HASHES) for hash_ in row]
        ((own_sample, own_other, own_job),) = await db.fetch(GENERATED, one, of_customer(one))
    await make_workers(service, WORKERS)
    batch = str(uuid.uuid4())
    huge = await _sent(service, batch, size)
    await wait_for_classifier(service.database_url)
    await asyncio.to_thread(_grow, service, huge)
    async with connected(service.database_url) as db:
        await db.execute(GROW, huge, HUGE)
        await db.execute(LINK, huge, LINKS)
        await db.execute("ANALYZE link")
        await db.execute(BEFORE, AWAY)
        waiting = await db.fetchval(OF_BATCH, json.dumps({"batch": batch}))
    names = {"sample": sample, "other": other, "job": job, "waiting": waiting, "batch": batch}
    own = {"own_sample": own_sample, "own_other": own_other, "own_job": own_job}
    return {
        **names,
        **own,
        "hashes": "\n".join(hashes),
        "huge": huge.hex(),
        "middle": str(MIDDLE),
        "worker": WORKERS[0],
    }


async def _sent(service: Service, batch: str, size: int) -> bytes:
    """Send the files of a batch. Returns the digest of the last file."""
    wire = await Wire.open(HOST, service.port, service.key)
    data = b""
    for number in range(FILES):
        data = clients.sample_bytes(size * 1_000 + number, FILE_SIZE)
        query = f"fileName=invoice-{number}.exe&userAgent.name=bench&userAgent.version=1&meta.batch={batch}"
        answer: Any = await wire.ask("POST", f"{clients.FILE}?{query}", data, kind="application/octet-stream")
        clients.expect(201, answer)
    wire.close()
    return hashlib.sha256(data).digest()


def _grow(service: Service, sha256: bytes) -> None:
    """Make the stored file 2 GiB long, with holes around strings in the middle."""
    path = DiskStore(service.data / "blobs").path(Area.SAMPLE, sha256)
    path.chmod(0o600)
    os.truncate(path, HUGE)
    strings = b"".join(
        (b"%08x http://host-%d.example/path" % (n, n)).ljust(APART, b"\0") for n in range(STRINGS)
    )
    with path.open("r+b") as file:
        file.seek(MIDDLE)
        file.write(strings)
