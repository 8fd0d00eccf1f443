"""A bucket whose server does not answer, or is no S3 server. Users hear little; the operator hears of the server and the reason."""

import re

from samplebank.blobs.place import Place
from samplebank.errors import Unavailable

AWAY = "The blob store does not answer, or refuses the bytes; try again in a moment."
NO_S3 = (
    "No S3 server answers at {} for the bucket {}: {}. AWS_ENDPOINT_URL has to be the address of the S3 server with the "
    "bucket, such as https://s3.example.org, and the server has to run."
)
#: what the client tells: the status of an answer, else the words of the system in a dump for programmers, else a sentence
STATUS = re.compile(r"status code: (\d{3} [\w ]+)")
SYSTEM = re.compile(r'\b(?:message|error): "([^"\n]+)"')
SENTENCE = re.compile(r"^.*? - (?:HTTP error: )?([^\n]{1,200})|^[^:\n]*: ([^\n]{1,200})")


class Away(Unavailable):
    """The refusal for users. `why` is for the operator."""

    def __init__(self, why: str) -> None:
        super().__init__(AWAY)
        self.why = why


def away(place: Place, error: BaseException) -> Away:
    """The refusal for an error of the client of a bucket, or of a time-out."""
    return Away(NO_S3.format(place.server, place.bucket, _reason(str(error))))


def for_operator(error: Unavailable) -> str:
    """The words of a refusal, with the server and the reason where the refusal has them."""
    return error.why if isinstance(error, Away) else str(error)


def _reason(said: str) -> str:
    told = STATUS.findall(said) or SYSTEM.findall(said) or ["".join(one) for one in SENTENCE.findall(said)]
    return str(told[-1]).strip().rstrip(".") if told else "no answer in time"
