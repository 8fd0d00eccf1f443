"""Where a bucket is."""

from urllib.parse import urlsplit, urlunsplit

import msgspec


class Place(msgspec.Struct, frozen=True):
    """A bucket, and all that is needed to reach the bucket."""

    bucket: str
    prefix: str
    endpoint: str
    region: str
    key: str
    secret: str
    session: str | None = None

    def __repr__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def server(self) -> str:
        """The address of the server for messages, without what is secret in the address."""
        parts = urlsplit(self.endpoint)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def root(self) -> str:
        """The address of the bucket."""
        return f"{self.endpoint.rstrip('/')}/{self.bucket}"

    def path(self, key: str) -> str:
        """The whole key of an object, below the prefix."""
        return f"{self.prefix}/{key}" if self.prefix else key
