"""`kyufu rebuild --verify`: the retained log decided once more, and compared by hash.

Exit status: 0 equal, 1 a difference, 2 cannot start, 3 no difference but not all was verifiable.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException

from chassis.rebuild.audit import Verdict, run_audit
from chassis.secrets import SecretsError
from chassis.settings import SettingsError
from services.eligibility.bootstrap import STAGES, build_rebuild

EQUAL: Final = 0
DIFFERENT: Final = 1
CANNOT_START: Final = 2
NOT_VERIFIABLE: Final = 3


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="kyufu rebuild", description=__doc__)
    parser.add_argument("--verify", action="store_true", required=True, help="compare; no writing")
    parser.add_argument(
        "--into", type=Path, help="folder for what is rebuilt; else a temporary one"
    )
    parser.add_argument("--stage", choices=STAGES, help="this stage only")
    options = parser.parse_args(arguments)
    stages = (options.stage,) if options.stage else STAGES
    with tempfile.TemporaryDirectory(prefix="kyufu-rebuild-") as temporary:
        folder: Path = options.into or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            sys.stderr.write(f"{folder} is not empty: what is rebuilt begins with nothing\n")
            return CANNOT_START
        try:
            audit, audited = build_rebuild(stages, environ, folder, _say)
        except (SettingsError, SecretsError, KafkaException) as error:
            sys.stderr.write(f"{error}\n")
            return CANNOT_START
        return _conclude(run_audit(audit, audited))


def _conclude(verdict: Verdict) -> int:
    for difference in verdict.differences:
        _say(f"DIFFERENCE  {difference}")
    for reason in verdict.unverified:
        _say(f"not verified  {reason}")
    if verdict.differences:
        return DIFFERENT
    if verdict.unverified:
        return NOT_VERIFIABLE
    _say("equal: every output and every state follows from the log")
    return EQUAL


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
