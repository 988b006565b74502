"""The other processes over HTTP: whether they are ready, and the lags that they show themselves."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import aiohttp
from kyufu.staff.v1 import staff_pb2
from prometheus_client.parser import text_string_to_metric_families

from chassis.metric_defs import CONSUMER_LAG

_DETAIL_LENGTH_MAX: Final = 200


class HttpPeers:
    """Asks all peers at once; one that does not answer is shown as such."""

    def __init__(self, urls: Mapping[str, str], client: aiohttp.ClientSession) -> None:
        self._urls = urls
        self._client = client

    async def look(self) -> tuple[list[staff_pb2.ServiceHealth], list[staff_pb2.ConsumerLag]]:
        """Health in the order of the setting, lags summed over partitions."""
        answers = await asyncio.gather(
            *(self._look_at(name, url.rstrip("/")) for name, url in self._urls.items())
        )
        lags: dict[tuple[str, str], int] = defaultdict(int)
        for _, own in answers:
            for key, lag in own.items():
                lags[key] += lag
        return [health for health, _ in answers], [
            staff_pb2.ConsumerLag(consumer=group, topic=topic, lag=lag)
            for (group, topic), lag in sorted(lags.items())
        ]

    async def _look_at(
        self, name: str, url: str
    ) -> tuple[staff_pb2.ServiceHealth, dict[tuple[str, str], int]]:
        try:
            async with self._client.get(f"{url}/ready") as ready:
                detail = "" if ready.ok else (await ready.text())[:_DETAIL_LENGTH_MAX]
            async with self._client.get(f"{url}/metrics") as metrics:
                exposition = await metrics.text() if metrics.ok else ""
        except (aiohttp.ClientError, TimeoutError):
            return staff_pb2.ServiceHealth(service=name, ready=False, detail="no answer"), {}
        health = staff_pb2.ServiceHealth(service=name, ready=ready.ok, detail=detail)
        return health, _lags(exposition)


def _lags(exposition: str) -> dict[tuple[str, str], int]:
    lags: dict[tuple[str, str], int] = defaultdict(int)
    for family in text_string_to_metric_families(exposition):
        if family.name == CONSUMER_LAG.name:
            for sample in family.samples:
                lags[sample.labels["group"], sample.labels["topic"]] += int(sample.value)
    return lags
