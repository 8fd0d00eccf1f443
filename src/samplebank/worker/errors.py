"""What can go wrong between a worker and the service."""


class WorkerError(Exception):
    """The message is a sentence for the operator."""


class ServiceRefused(WorkerError):
    """The service understood the request and will not do it; asking again would not help."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class KeyRefused(WorkerError):
    """The service does not know the key of this worker, or no longer."""


class ServiceUnavailable(WorkerError):
    """The service cannot be reached or cannot answer now; another time may do."""


class LeaseLost(WorkerError):
    """The task belongs to somebody else by now, or to nobody."""


class DamagedDownload(WorkerError):
    """The bytes that came are not the sample."""
