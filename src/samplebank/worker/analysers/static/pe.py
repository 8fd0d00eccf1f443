"""Windows programs."""

import hashlib
from functools import partial
from itertools import islice
from pathlib import Path

import lief

from samplebank.identification.lief_values import name_of
from samplebank.worker.analysers.static.measures import Budget
from samplebank.worker.analysers.static.parts import Parts
from samplebank.worker.analysers.static.pe_authentihash import authentihash as authentihash_of
from samplebank.worker.analysers.static.pe_findings import (
    carried_findings,
    entry_findings,
    header_findings,
    import_findings,
    known_import_findings,
    native_count,
)
from samplebank.worker.analysers.static.pe_identity import (
    debug_facts,
    delayed_imports,
    dot_net_facts,
    rich_facts,
)
from samplebank.worker.analysers.static.pe_parsing import parse
from samplebank.worker.analysers.static.pe_resources import resource_facts
from samplebank.worker.analysers.static.pe_trust import trust_facts
from samplebank.worker.analysers.static.programs import (
    MOST_FUNCTIONS,
    MOST_LIBRARIES,
    MOST_NAMES,
    in_file,
    names,
    overlay_facts,
    overlay_findings,
    plain,
    rights,
    section_facts,
    section_findings,
    sections_of,
    text_of,
)
from samplebank.worker.analysers.static.traits import Finding
from samplebank.worker.contract import JSON

CODE_RIGHTS = lief.PE.Section.CHARACTERISTICS
MOST_SIGNERS, MOST_CERTIFICATES = 10, 20
CHECKS = lief.PE.Signature.VERIFICATION_FLAGS
# An expired certificate is not among the flags: expiry is no sign of tampering.
TAMPERED = (
    CHECKS.BAD_DIGEST,
    CHECKS.BAD_SIGNATURE,
    CHECKS.CORRUPTED_CONTENT_INFO,
    CHECKS.CORRUPTED_AUTH_DATA,
)


def read(path: Path, head: bytes, parts: Parts) -> tuple[dict[str, JSON], list[Finding]] | None:
    binary = parts.read("headers", lambda: parse(path, parts))
    if binary is None:
        return None
    arch = name_of(binary.header.machine).lower()
    budget = Budget(path.stat().st_size)
    sections = sections_of(parts, lambda: binary.sections, partial(_section, budget))
    authentihash = parts.read("signature", lambda: authentihash_of(path, binary)) or b""
    facts: dict[str, JSON] = {
        "arch": arch,
        "subsystem": name_of(binary.optional_header.subsystem).lower(),
        "entryPoint": binary.optional_header.addressof_entrypoint,
        "compiledTimestamp": binary.header.time_date_stamps,
        "isReproducibleBuild": binary.is_reproducible_build,
        "sections": sections,
        **_linking(binary, parts),
        "authentihash": authentihash.hex(),
        "signature": parts.read("signature", lambda: _signature(binary, path, authentihash)),
        "rich": parts.read("rich header", lambda: rich_facts(binary)),
        **resource_facts(binary, parts, budget),
        "dotNet": parts.read("dotnet", lambda: dot_net_facts(path.read_bytes()))
        if _is_dot_net(binary)
        else None,
        "overlay": parts.read("overlay", lambda: overlay_facts(binary.overlay, binary.overlay_offset)),
        "tlsCallbacks": (parts.read("tls", lambda: len(binary.tls.callbacks) if binary.tls else 0) or 0),
        **(parts.read("pdb", lambda: debug_facts(binary)) or {"pdb": None, "pdbGuid": None}),
    }
    functions = {name for library in facts["imports"] for name in library["functions"]}
    findings = [
        *section_findings(sections, arch),
        *overlay_findings(facts["overlay"]),
        *parts.some("entry point", lambda: entry_findings(binary)),
        *parts.some("imports", lambda: import_findings(binary, functions)),
        *known_import_findings(functions, set(facts["exports"]), native_count(facts["imports"])),
        *header_findings(binary, facts),
        *carried_findings(head, facts["overlay"]),
    ]
    return facts, findings


def _linking(binary: lief.PE.Binary, parts: Parts) -> dict[str, JSON]:
    imports = parts.some("imports", lambda: _imports(binary, parts))
    return {
        "imports": imports,
        "delayedImports": parts.some("delayed imports", lambda: delayed_imports(binary, parts)),
        "exports": names(parts, "exports", lambda: _exports(binary)),
        "imphash": (parts.read("imports", lambda: _imphash(binary)) or "") if imports else "",
    }


def _exports(binary: lief.PE.Binary) -> list[lief.PE.ExportEntry]:
    export = binary.get_export() if binary.has_exports else None
    return list(islice(export.entries, MOST_NAMES)) if export else []


def _imphash(binary: lief.PE.Binary) -> str:
    return lief.PE.get_imphash(binary, lief.PE.IMPHASH_MODE.PEFILE)


def _is_dot_net(binary: lief.PE.Binary) -> bool:
    header = binary.data_directory(lief.PE.DataDirectory.TYPES.CLR_RUNTIME_HEADER)
    return header is not None and bool(header.rva)


def _section(budget: Budget, section: lief.PE.Section) -> dict[str, JSON]:
    allowed = rights(
        readable=section.has_characteristic(CODE_RIGHTS.MEM_READ),
        writable=section.has_characteristic(CODE_RIGHTS.MEM_WRITE),
        executable=section.has_characteristic(CODE_RIGHTS.MEM_EXECUTE),
    )
    facts = section_facts(text_of(lambda: section.name), section, budget, allowed)
    return facts | in_file(section.pointerto_raw_data) | {"virtualSize": section.virtual_size}


def _imports(binary: lief.PE.Binary, parts: Parts) -> list[dict[str, JSON]]:
    return [_library(library, parts) for library in islice(binary.imports, MOST_LIBRARIES)]


def _library(library: lief.PE.Import, parts: Parts) -> dict[str, JSON]:
    functions = names(parts, "imports", lambda: library.entries, MOST_FUNCTIONS)
    return {"library": text_of(lambda: library.name), "functions": functions}


def _signature(binary: lief.PE.Binary, path: Path, authentihash: bytes) -> dict[str, JSON] | None:
    if not binary.has_signatures:
        return None
    verdict = binary.verify_signature()
    first = binary.signatures[0]
    certificates = list(islice(first.certificates, MOST_CERTIFICATES))
    return {
        "verification": str(verdict).rpartition(".")[2],
        "isIntact": not any(flag in verdict for flag in TAMPERED),
        "trust": trust_facts(binary, path, authentihash),
        "digestAlgorithm": name_of(first.digest_algorithm),
        "signers": [
            {"issuer": plain(signer.issuer), "serialNumber": bytes(signer.serial_number).hex()}
            for signer in islice(first.signers, MOST_SIGNERS)
        ],
        "certificates": [plain(certificate.subject) for certificate in certificates],
        "thumbprints": [hashlib.sha256(bytes(certificate.raw)).hexdigest() for certificate in certificates],
    }
