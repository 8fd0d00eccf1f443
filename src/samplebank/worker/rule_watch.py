"""Tries the rules of the operator's folder on clean files, at the start of the worker and after each change of the folder."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from samplebank.sandbox import SandboxError
from samplebank.sandbox.limits import LOWEST_PRIORITY
from samplebank.worker import clean_files
from samplebank.worker.analysers import BUILT_IN, rule_files
from samplebank.worker.contract import SUSPICIOUS_SCORE, Rejected
from samplebank.worker.rule_trial import Trial, tried

RULES = "yara_rules"
#: between looks at the folder
LOOK_SECONDS = 10.0
CLEAN_FILES = 1000
#: rules that the log names after a trial
MOST_NAMED = 20

log = logging.getLogger("samplebank.worker")


class RuleWatch:
    """`remark` is the outcome of the last trial in a few words, for operators. Each trial sets `tried`."""

    def __init__(
        self,
        folder: Path,
        *,
        clean: int = CLEAN_FILES,
        look_seconds: float = LOOK_SECONDS,
        sandbox_required: bool = True,
    ) -> None:
        self.remark = ""
        self.tried = asyncio.Event()
        self._folder = folder.absolute()
        self._clean = clean
        self._look_seconds = look_seconds
        self._sandbox_required = sandbox_required

    async def run(self) -> None:
        """Try the rules for ever. A set is tried when two looks see the same set: until then somebody may be copying."""
        before = known = None
        while True:
            found = await asyncio.to_thread(self._look)
            if found is not None and found != known and (known is None or found == before):
                known = found
                await self._try()
                self.tried.set()
            before = found
            await asyncio.sleep(self._look_seconds)

    def _look(self) -> rule_files.Found | None:
        """The files of rules now; None where the folder is missing, as for a moment while another one takes its place."""
        try:
            return rule_files.find(self._folder)
        except OSError:
            return None

    async def _try(self) -> None:
        try:
            files = await asyncio.to_thread(clean_files.of_installation, self._clean)
            trial = await tried(
                self._folder,
                files,
                niceness=LOWEST_PRIORITY,  # the tasks of the worker come first
                sandbox_required=self._sandbox_required,
            )
        except (SandboxError, Rejected, OSError) as error:
            self.remark = "rules could not be tried"
            log.warning("rules.untried", extra={"fields": {"folder": self._folder, "reason": error}})
        else:
            self.remark = remark_of(trial)
            self._tell(trial)

    def _tell(self, trial: Trial) -> None:
        told = {
            "folder": self._folder,
            "rules": trial.rules,
            "files": trial.files,
            "flagged": trial.flagged,
            "suspicious": trial.suspicious,
            "malicious": trial.malicious,
            "broken": len(trial.broken),
        }
        level = logging.WARNING if trial.suspicious or trial.broken else logging.INFO
        log.log(level, "rules.tried", extra={"fields": told})
        for one in trial.flagging[:MOST_NAMED]:
            named = {
                "rule": one.rule,
                "file": one.file,
                "score": one.score,
                "flagged": one.flagged,
                "first": one.examples[0],
            }
            log.log(
                logging.WARNING if one.score >= SUSPICIOUS_SCORE else logging.INFO,
                "rules.would_flag",
                extra={"fields": named},
            )


def remark_of(trial: Trial) -> str:
    if trial.broken and not trial.rules:
        return f"none of {len(trial.broken)} files of rules can be used"
    flagged = f"rules flag {trial.flagged} of {trial.files} clean files"
    grave = f", {trial.suspicious} with {SUSPICIOUS_SCORE} or more" if trial.suspicious else ""
    broken = f"; {len(trial.broken)} files of rules are broken" if trial.broken else ""
    return f"{flagged}{grave}{broken}"


@asynccontextmanager
async def watching(
    analysers: Sequence[str], settings: Mapping[str, str], *, sandbox_required: bool
) -> AsyncIterator[RuleWatch | None]:
    """Watch the rules beside a worker that scans with rules of the operator's; None where the worker does not."""
    if BUILT_IN["yara"] not in analysers or not settings.get(RULES):
        yield None
        return
    watch = RuleWatch(Path(settings[RULES]), sandbox_required=sandbox_required)
    work = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
