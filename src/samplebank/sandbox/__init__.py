"""Parses untrusted bytes in child processes that may lose their life, their memory or their time, never ours."""

from samplebank.sandbox.confinement import missing_parts
from samplebank.sandbox.errors import (
    ChildKilled,
    Crashed,
    Disturbed,
    Killed,
    NotStarted,
    OutOfMemory,
    Refused,
    SandboxError,
    TimedOut,
)
from samplebank.sandbox.limits import Limits
from samplebank.sandbox.pool import Sandbox

__all__ = [
    "ChildKilled",
    "Crashed",
    "Disturbed",
    "Killed",
    "Limits",
    "NotStarted",
    "OutOfMemory",
    "Refused",
    "Sandbox",
    "SandboxError",
    "TimedOut",
    "missing_parts",
]
