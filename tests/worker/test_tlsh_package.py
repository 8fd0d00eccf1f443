"""The package of the fuzzy digest, as its wheels bring the package to any Python."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

from samplebank.worker.analysers.static.facts import tlsh_package

tlsh = tlsh_package.imported()
DIGEST = """
from samplebank.worker.analysers.static.facts import tlsh_package
package = tlsh_package.imported()
print(None if package is None else package.hexdigest(bytes(range(256)) * 20))
"""


def printed_with(folder: Path) -> str:
    """What a Python prints that finds the package in a folder."""
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", DIGEST], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def wheel_of_another_python(folder: Path, tag: str) -> Path:
    """The package as a wheel for Python 3.99 holds it, with the name of the compiled module for that Python."""
    package = folder / "tlsh"
    shutil.copytree(Path(tlsh.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (compiled,) = package.glob("_tlsh.*.so")
    compiled.rename(package / "_tlsh.cpython-399-x86_64-linux-gnu.so")
    told = importlib.metadata.distribution("tlsh-python")
    about = folder / f"tlsh_python-{told.version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(told.read_text("METADATA") or "")
    (about / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n")
    return folder


def test_a_compiled_module_for_any_python_is_found_by_its_file(tmp_path: Path) -> None:
    folder = wheel_of_another_python(tmp_path, "cp312-abi3-manylinux_2_17_x86_64")

    assert printed_with(folder) == tlsh.hexdigest(bytes(range(256)) * 20)


def test_a_compiled_module_for_one_other_python_is_left_alone(tmp_path: Path) -> None:
    folder = wheel_of_another_python(tmp_path, "cp399-cp399-manylinux_2_17_x86_64")

    assert printed_with(folder) == "None"


def test_the_package_of_this_python_is_imported_as_any_other() -> None:
    assert tlsh_package.imported() is tlsh
