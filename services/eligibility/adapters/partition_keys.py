"""Keys for records that belong to a partition and not to a person.

A closing record and a clock tick go into every partition. Their keys are chosen so that each lies
where its key says, like any other record: a reader that refuses records on a wrong partition needs
no exception for them, and compaction keeps one of each.
"""

from functools import lru_cache
from typing import Final

from chassis.kafka.partitioner import partition_for

TRIES_MAX: Final = 100_000


@lru_cache(maxsize=4096)
def key_on(partition: int, partitions: int, name: str) -> bytes:
    """The first of `name/0`, `name/1`, … that lies on `partition`."""
    for number in range(TRIES_MAX):
        key = f"{name}/{number}".encode()
        if partition_for(key, partitions) == partition:
            return key
    raise ValueError("no key found for a partition")
