"""Where things lie: the clone, its cache (survives runs), and one run's folder.

A run folder holds everything one play leaves behind; nothing is written outside it, save the
server files that an unprivileged PostgreSQL needs when it may not enter the clone (postgres.py).
"""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
DEFAULT_RUN_DIR = ROOT / "var" / "run"


@dataclass(frozen=True, slots=True)
class RunPaths:
    """The rooms of one run folder (`KYUFU_RUN_DIR`)."""

    base: Path

    @property
    def logs(self) -> Path:
        """One `NAME.log` a process: what it wrote to stderr and stdout."""
        return self.base / "logs"

    @property
    def secrets(self) -> Path:
        """Key files of this installation (`KYUFU_SECRETS_DIR`), new with every run."""
        return self.base / "secrets"

    @property
    def servers(self) -> Path:
        """Data of the embedded Kafka and PostgreSQL."""
        return self.base / "servers"

    @property
    def bank(self) -> Path:
        """Payment files as the bank receives them, and the results it gives back."""
        return self.base / "bank"

    @property
    def bank_accounts(self) -> Path:
        """Accounts that cannot be credited, written with the population before the bank starts."""
        return self.base / "population" / "bank_accounts.json"

    @property
    def clients(self) -> Path:
        """The frontends that intake knows (hashes of tokens only)."""
        return self.base / "population" / "clients.json"

    @property
    def notices(self) -> Path:
        """What citizens got: mails and short messages."""
        return self.base / "notices"

    @property
    def report(self) -> Path:
        """The machine-readable end of the run."""
        return self.base / "report.json"

    def create(self) -> None:
        """Make the rooms. What names people or holds keys is readable by its owner alone."""
        for folder in (self.logs, self.servers):
            folder.mkdir(parents=True, exist_ok=True)
        registers = self.base / "registers"
        for folder in (self.bank, self.notices, self.clients.parent, registers, self.secrets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
