"""Zengin files: 総合振込 (種別 21) written and read, and our own result file beside it.

``formats`` holds the layouts as data, ``writer`` and ``reader`` the payment file, ``results`` the
answer. Nothing here asks whether a bank exists or a day is a bank day: those are questions of the
payment, and the same bytes must mean the same tomorrow.
"""

from jpbank.zengin.errors import Rule, ZenginError
from jpbank.zengin.framing import Framing
from jpbank.zengin.models import (
    DEFAULT_LIMITS,
    FileLimits,
    TransferFile,
    TransferHeader,
    TransferRecord,
)
from jpbank.zengin.reader import read_transfer_file
from jpbank.zengin.results import (
    ResultCode,
    ResultFile,
    ResultRecord,
    read_result_file,
    write_result_file,
)
from jpbank.zengin.writer import iter_transfer_file, write_transfer_file

__all__ = [
    "DEFAULT_LIMITS",
    "FileLimits",
    "Framing",
    "ResultCode",
    "ResultFile",
    "ResultRecord",
    "Rule",
    "TransferFile",
    "TransferHeader",
    "TransferRecord",
    "ZenginError",
    "iter_transfer_file",
    "read_result_file",
    "read_transfer_file",
    "write_result_file",
    "write_transfer_file",
]
