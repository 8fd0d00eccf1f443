"""What can go wrong between the bridge and Karton."""


class KartonError(Exception):
    """The message is a sentence for the operator."""


class Away(KartonError):
    """Redis or the S3 server of Karton cannot be reached or cannot answer now. A later attempt may succeed."""


class MissingBytes(KartonError):
    """The bucket does not hold the bytes that a task names."""


class Misreported(KartonError):
    """A task of Karton tells something that the bridge does not take. The sentence goes into the analysis."""
