"""What a share needs, before it is run and after: disk, minutes, bytes a household."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# 2020-04-27: households that were paid 特別定額給付金 (総務省, see docs/sources.md).
HOUSEHOLDS_OF_JAPAN: Final = 59_150_000
# Disk that a run takes for each household, measured by this bench (bench/README.md) and rounded up:
# with all topics, and with those alone that are kept for ever, where the others are bounded.
DISK_BYTES_A_HOUSEHOLD: Final = 9_000
DISK_BYTES_A_HOUSEHOLD_KEPT: Final = 4_000
# From so many households on, topics of applications keep no more than RETENTION_BYTES a partition.
BOUNDED_FROM: Final = 200_000
RETENTION_BYTES: Final = 256 << 20
SEGMENT_BYTES: Final = 64 << 20
# Compacted topics, which grow with the households and are kept.
KEPT: Final = ("registry.", "eligibility.")
# Bounded topics that fill: of applications submitted, identified, deduplicated and decided, of
# reviews, and of one more.
BOUNDED_TOPICS: Final = 6
DISK_SPARE_BYTES: Final = 2 << 30


class DiskTooSmall(Exception):
    """The run would fill the disk."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """All of Japan, from what a smaller share took. Growth is taken as linear."""

    minutes_load: float
    minutes_applications: float
    disk_gb: float
    state_gb: float


def households_of(share: float) -> int:
    """How many households a share is."""
    if not 0 < share <= 1:
        raise ValueError("a share is above 0 and at most 1")
    return max(1, round(HOUSEHOLDS_OF_JAPAN * share))


def disk_needed(households: int, partitions: int) -> int:
    """Bytes that the run will take at most."""
    everything = households * DISK_BYTES_A_HOUSEHOLD
    if households < BOUNDED_FROM:
        return everything + DISK_SPARE_BYTES
    bounded = BOUNDED_TOPICS * partitions * (RETENTION_BYTES + SEGMENT_BYTES)
    kept = households * DISK_BYTES_A_HOUSEHOLD_KEPT
    return min(everything, kept + bounded) + DISK_SPARE_BYTES


def require_disk(households: int, partitions: int, free_bytes: int) -> None:
    """Raises DiskTooSmall with the figures."""
    needed = disk_needed(households, partitions)
    if needed > free_bytes:
        raise DiskTooSmall(
            f"{households:,} households need about {needed / 1e9:.0f} GB, "
            f"{free_bytes / 1e9:.0f} GB are free: choose a smaller --share or another disk"
        )


def all_of_japan(
    households: int,
    *,
    load_s: float,
    applications_s: float,
    topic_bytes: Mapping[str, int],
    state_bytes: int,
    partitions: int,
) -> Arithmetic:
    """Topics of KEPT grow with the households; the others up to what retention lets them keep."""
    times = HOUSEHOLDS_OF_JAPAN / households
    # A segment is dropped whole, and never the one that is written.
    bound = (RETENTION_BYTES + SEGMENT_BYTES) * partitions
    topics = sum(
        size * times if name.startswith(KEPT) else min(size * times, bound)
        for name, size in topic_bytes.items()
    )
    return Arithmetic(
        minutes_load=load_s * times / 60,
        minutes_applications=applications_s * times / 60,
        disk_gb=(topics + state_bytes * times) / 1e9,
        state_gb=state_bytes * times / 1e9,
    )
