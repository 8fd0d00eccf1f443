"""The package `tlsh`: that of tlsh-python, or of py-tlsh."""

import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from typing import Any, Final

from samplebank.worker.analysers.extract.extras import installed

PACKAGE: Final = "tlsh"
COMPILED: Final = "tlsh._tlsh"
#: in the tag of a wheel whose compiled modules are for any later Python
STABLE: Final = "-abi3-"


def imported() -> Any:
    """Import the package; None where the package is missing.

    tlsh-python 0.1.0 has one wheel for Python 3.12 and all later ones. The compiled module in the wheel has a name for Python
    3.12 alone, so later ones do not find the module: it is loaded by its file.
    """
    found = installed(PACKAGE)
    if found is None and _is_for_any_python() and _load_by_file():
        found = installed(PACKAGE)
    return found


def _is_for_any_python() -> bool:
    try:
        wheel = importlib.metadata.distribution("tlsh-python").read_text("WHEEL")
    except importlib.metadata.PackageNotFoundError:
        return False
    return STABLE in (wheel or "")


def _load_by_file() -> bool:
    """Load the compiled module, whatever its file is called. False where none is there, or this Python cannot load the file."""
    package = importlib.util.find_spec(PACKAGE)
    folders = [] if package is None else package.submodule_search_locations or []
    files = [path for folder in folders for path in Path(folder).glob("_tlsh.*.so")]
    spec = importlib.util.spec_from_file_location(COMPILED, files[0]) if files else None
    if spec is None or spec.loader is None:
        return False
    try:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except ImportError:
        return False
    sys.modules[COMPILED] = module
    return True
