"""Watches the bank's folder: finishes interrupted releases, then reads what the bank answered."""

import binascii
import json

from chassis.clock import Clock
from chassis.metrics import Metrics
from services.payments import handlers
from services.payments.domain.results import Receipt
from services.payments.metric_defs import BANK_ANSWERS
from services.payments.ports import BankChannel, Ledger, Vault

_ENDING = ".dat"


class BankWatcher:
    """One round of watching."""

    def __init__(
        self, *, ledger: Ledger, vault: Vault, channel: BankChannel, clock: Clock, metrics: Metrics
    ) -> None:
        self._ledger = ledger
        self._vault = vault
        self._channel = channel
        self._clock = clock
        self._counter = metrics.counter(BANK_ANSWERS)

    def round(self) -> bool:
        """Read everything that is there; False, because new files are worth a pause."""
        handlers.resume_releases(
            ledger=self._ledger, vault=self._vault, channel=self._channel, now=self._clock.now
        )
        words = handlers.read_bank_answers(
            ledger=self._ledger,
            vault=self._vault,
            channel=self._channel,
            read_receipt=read_receipt,
            now=self._clock.now,
        )
        for word in words:
            self._counter.labels(outcome=word).inc()
        return False


def read_receipt(content: bytes) -> Receipt | None:
    """The receipt, or None when the file is not one."""
    try:
        said = json.loads(content)
        accepted, name, digest = said["accepted"], said["file"], said["sha256"]
        if not isinstance(accepted, bool) or not isinstance(name, str):
            return None
        return Receipt(
            file_name=name.removesuffix(_ENDING),
            sha256=binascii.unhexlify(digest),
            accepted=accepted,
            rule=str(said.get("rule") or ""),
            records=int(said.get("records") or 0),
            amount_yen=int(said.get("yen") or 0),
        )
    except (ValueError, KeyError, TypeError):
        return None
