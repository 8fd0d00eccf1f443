"""Checks the files in deploy/ with the programs of the operators: systemd, Docker Compose, HAProxy, Helm, Prometheus.

Where this machine lacks a program, a line says what was not checked. Ends with 1 when a file is wrong.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
#: the program started by the units: verification wants an existing file
INSTALLED = "/opt/samplebank/bin/samplebank"
PROFILES = ("workers", "s3", "karton-services", "karton")
#: tenths of systemd's own measure of exposure, from 0 to 100: the hardened units have 20
MOST_EXPOSURE = "25"


def main() -> int:
    wrong = [problem for check in (units, compose, proxy, chart, monitoring) for problem in check()]
    for problem in wrong:
        print(problem, file=sys.stderr)
    return 1 if wrong else 0


def units() -> list[str]:
    """Problems found by systemd in the units."""
    program = _program("systemd-analyze", "the systemd units")
    if program is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        copies = []
        for unit in sorted((DEPLOY / "systemd").glob("*.service")):
            copy = Path(folder, unit.name)
            copy.write_text(unit.read_text("utf-8").replace(INSTALLED, sys.executable))
            copies.append(str(copy))
        security = ("security", "--offline=true", f"--threshold={MOST_EXPOSURE}", "--no-pager")
        # A misspelt directive is a remark of `verify`, and no failure.
        verified = _said(program, "verify", "--man=no", *copies, is_silent=True)
        return [*verified, *_said(program, *security, *copies)]


def compose() -> list[str]:
    """Problems found by Docker Compose in the compose file."""
    program = _program("compose", "the compose file")
    if program is None:
        return []
    named = ("-f", str(DEPLOY / "compose" / "compose.yaml"))
    profiles = [f"--profile={name}" for name in PROFILES]
    return [
        problem
        for asked in ((), profiles)
        for problem in _said(*program.split(), *named, *asked, "config", "--quiet", DATABASE_PASSWORD="none")  # noqa: S106 no password
    ]


def proxy() -> list[str]:
    """Problems found by HAProxy in the configuration of the compose file."""
    program = _program("haproxy", "the balancer of the compose file")
    return [] if program is None else _said(program, "-c", "-f", str(DEPLOY / "compose" / "haproxy.cfg"))


def chart() -> list[str]:
    """Problems found by Helm in the chart."""
    folder = _program("helm", "the chart")
    if folder is None:
        return []
    return _said(sys.executable, str(ROOT / "scripts" / "chart.py"), PYTHONPATH=folder)


def monitoring() -> list[str]:
    """Problems found by Prometheus in its configuration, in the alerts, and in the questions of the dashboard."""
    program = _program("promtool", "the alerts and the dashboard")
    if program is None:
        return []
    folder = DEPLOY / "monitoring"
    with tempfile.TemporaryDirectory() as scratch:
        questions = Path(scratch, "questions.json")  # JSON is YAML
        questions.write_text(json.dumps(_as_rules(folder / "dashboard.json")))
        return [
            *_said(program, "check", "config", "--syntax-only", str(folder / "prometheus.yaml")),
            *_said(program, "check", "rules", str(folder / "alerts.yaml"), str(questions)),
            *_said(program, "test", "rules", str(folder / "alerts-test.yaml")),
        ]


def _as_rules(dashboard: Path) -> dict[str, object]:
    """The questions of a dashboard as rules, which Prometheus can check."""
    panels = json.loads(dashboard.read_text("utf-8"))["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    rules = [
        {"record": f"question_{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, expression in enumerate(asked)
    ]
    return {"groups": [{"name": "dashboard", "rules": rules}]}


def _program(name: str, checked: str) -> str | None:
    """The path of a program; None, with a line that says what is not checked, where the program cannot be had."""
    found = subprocess.run([ROOT / "scripts" / "program", name], capture_output=True, text=True, check=False)
    if found.returncode == 0:
        return found.stdout.strip()
    reason = re.sub(r"=+\s*|\s+", " ", found.stderr.rpartition("program: ")[2]).strip()
    print(f"Not checked: {checked}. {reason}")
    return None


def _said(*command: str, is_silent: bool = False, **environment: str) -> list[str]:
    """What a failed program said. Any word of a program that is silent about right files is a failure."""
    given = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=given)
    has_failed = done.returncode != 0 or (is_silent and done.stdout + done.stderr != "")
    return [f"{' '.join(command[:2])}:\n{done.stdout}{done.stderr}"] if has_failed else []


if __name__ == "__main__":
    sys.exit(main())
