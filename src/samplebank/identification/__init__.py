"""Says what kind of file a sample is. The bytes are only ever looked at inside the sandbox."""

from samplebank.identification.identifier import MOST_FIRM, MOST_GUESSED, Identifier, failed
from samplebank.identification.model import Identification

__all__ = ["MOST_FIRM", "MOST_GUESSED", "Identification", "Identifier", "failed"]
