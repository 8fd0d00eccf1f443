"""Forms with files, sent as a browser sends them."""

from typing import Any

import requests

from kit.bank import Sample, name_of
from kit.visitor import SAME_ORIGIN, Shown, Visitor

#: as many more submissions of the sample as asked for
COPIES = """
    INSERT INTO submission (id, sample_id, customer_id, user_id, tlp, acl, readers, file_name, mime_type, agent_name, agent_version,
                            meta_data, observed_time, submitted_time, trusted_agent)
    SELECT gen_random_uuid(), u.sample_id, u.customer_id, u.user_id, u.tlp, u.acl, u.readers, u.file_name || number, u.mime_type,
           u.agent_name, u.agent_version, u.meta_data, u.observed_time, u.submitted_time, u.trusted_agent
      FROM submission u JOIN sample s ON s.id = u.sample_id, generate_series(1, $2) number WHERE s.sha256 = $1
"""


def send(visitor: Visitor, sample: Sample, key: str | None = None, **said: Any) -> requests.Response:
    """Send a file as the script of the page does."""
    headers = {**SAME_ORIGIN, **({"Idempotency-Key": key} if key else {})}
    return requests.post(
        f"{visitor.url}/submit/file",
        params={"fileName": name_of("file"), **said},
        data=sample.data,
        headers=headers,
        cookies=visitor.cookies,
        timeout=60,
    )


def send_form(visitor: Visitor, *files: tuple[str, bytes], **fields: str) -> Shown:
    """Send the form as a browser without scripts does."""
    parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in fields.items()]
    return visitor.post("/submit", files=parts + [("file", file) for file in files])


def names_in(shown: Shown) -> set[str]:
    return {" ".join(node.text().split()) for node in shown.all("#files td:nth-child(2)")}
