"""What processes and folders use, and the description of the machine."""

import os
from pathlib import Path

import pytest

from bench.machine import describe
from bench.usage import folder_bytes, machine_busy_s, usage_of

MIB = 1 << 20


def test_a_process_uses_time_and_memory() -> None:
    usage = usage_of(os.getpid())
    assert usage.cpu_s > 0
    assert usage.rss_peak_bytes >= usage.rss_bytes > MIB
    assert machine_busy_s() >= usage.cpu_s


def test_a_process_that_is_gone_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        usage_of(2**22 + 1)


def test_a_folder_is_counted_with_all_below_it(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(os.urandom(MIB))
    assert MIB <= folder_bytes(tmp_path) < 2 * MIB
    assert folder_bytes(tmp_path / "nothing") == 0


def test_the_machine_is_described_without_a_name_of_it() -> None:
    found = describe()
    assert {"cores", "cpu", "memory_bytes", "kernel", "python", "kafka", "commit"} <= set(found)
    assert os.uname().nodename not in str(found)
