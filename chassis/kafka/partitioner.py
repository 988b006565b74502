"""The partitioner of all topics, in Python, for readers that must know where a key belongs.

Kafka's own murmur2 (org.apache.kafka.common.utils.Utils.murmur2), seed 0x9747b28c.
"""

from struct import Struct, unpack_from
from typing import Final

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_R: Final = 24
_MASK: Final = 0xFFFFFFFF
_POSITIVE: Final = 0x7FFFFFFF
_ID_BYTES: Final = 16
_unpack_id: Final = Struct("<4I").unpack


def murmur2(data: bytes) -> int:
    """The 32-bit hash, unsigned."""
    length = len(data)
    h = (_SEED ^ length) & _MASK
    whole = length & ~3
    # Nearly every key is an id: its format need not be looked up each time.
    words = _unpack_id(data) if length == _ID_BYTES else unpack_from(f"<{whole >> 2}I", data)
    for word in words:
        k = word * _M & _MASK
        h = (h * _M ^ (k ^ (k >> _R)) * _M) & _MASK
    if length > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ (h >> 13)) * _M & _MASK
    return h ^ (h >> 15)


def partition_for(key: bytes, partitions: int) -> int:
    """The partition that every producer of this project chooses for `key`."""
    return (murmur2(key) & _POSITIVE) % partitions
