"""What payments does: load and lock rows, ask the domain, save, tell. No rules stand here."""

from services.payments.handlers.approve_batch import approve_batch, resume_releases
from services.payments.handlers.propose_batches import propose_batches
from services.payments.handlers.read_bank_answers import read_bank_answers
from services.payments.handlers.take_decisions import take_decisions
from services.payments.handlers.take_holds import take_holds

__all__ = [
    "approve_batch",
    "propose_batches",
    "read_bank_answers",
    "resume_releases",
    "take_decisions",
    "take_holds",
]
