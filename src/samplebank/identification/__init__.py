"""Says what kind of file a sample is. The bytes are only ever looked at inside the sandbox."""

from samplebank.identification.identifier import Identifier, failed
from samplebank.identification.model import Identification

__all__ = ["Identification", "Identifier", "failed"]
