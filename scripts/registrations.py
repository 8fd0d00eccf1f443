"""Writes what the built-in analysers say of themselves into the file that the service registers the workers from."""

import asyncio
from pathlib import Path

import msgspec

import samplebank.worker.analysers as built_in
from samplebank.worker.sandboxed import SandboxedAnalyser

FILE = Path(built_in.__file__).with_name("registrations.json")


async def told(import_path: str) -> built_in.Registration:
    async with await SandboxedAnalyser.open(import_path) as analyser:
        said = analyser.description
    schema = None if said.schema is None else dict(said.schema)
    return built_in.Registration(dict(said.names), dict(said.descriptions), schema)


async def main() -> None:
    found = {name: await told(path) for name, path in built_in.BUILT_IN.items()}
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


if __name__ == "__main__":
    asyncio.run(main())
