"""Where a key lives: Kafka's default partitioner, so that a producer in any language agrees with us.

Java's `BuiltInPartitioner`, aiokafka's `DefaultPartitioner` and librdkafka's `murmur2_random` agree with it.
"""

from functools import lru_cache

_MASK = 0xFFFFFFFF
_M = 0x5BD1E995
_SEED = 0x9747B28C


def murmur2(data: bytes) -> int:
    """The 32-bit MurmurHash2 with Kafka's seed, as an unsigned integer."""
    length = len(data)
    h = _SEED ^ length
    whole = length & ~3
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little") * _M & _MASK
        k = (k ^ k >> 24) * _M & _MASK
        h = h * _M & _MASK ^ k
    if length > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


@lru_cache(maxsize=131_072)
def partition_for(key: bytes, partitions: int) -> int:
    """The partition of `key` among `partitions`; cached: ids repeat. Ask for valid ids only."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
