"""The partitioner agrees with Kafka's own test vectors."""

import pytest

from chassis.kafka.partitioner import murmur2, partition_for


# Source: Apache Kafka, clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_kafkas(data: bytes, expected: int) -> None:
    assert murmur2(data) == expected % (1 << 32)


def test_every_partition_is_within_range() -> None:
    assert {partition_for(bytes([n]) * 16, 4) for n in range(100)} == {0, 1, 2, 3}
