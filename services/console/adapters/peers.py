"""The other processes over HTTP: whether they are ready, and what their metrics show."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import aiohttp
from kyufu.staff.v1 import staff_pb2
from prometheus_client.parser import text_string_to_metric_families

from chassis.metric_defs import CONSUMER_LAG
from services.console.adapters.stage_metrics import stages_of
from services.console.ports import PeersSeen

_DETAIL_LENGTH_MAX: Final = 200


class HttpPeers:
    """Asks all peers at once; one that does not answer is shown as such."""

    def __init__(self, urls: Mapping[str, str], client: aiohttp.ClientSession) -> None:
        self._urls = urls
        self._client = client

    async def look(self) -> PeersSeen:
        """Health in the order of the setting, lags summed over partitions, the stages' figures."""
        answers = await asyncio.gather(
            *(self._look_at(name, url.rstrip("/")) for name, url in self._urls.items())
        )
        lags: dict[tuple[str, str], int] = defaultdict(int)
        for _, exposition in answers:
            for key, lag in _lags(exposition).items():
                lags[key] += lag
        return PeersSeen(
            services=[health for health, _ in answers],
            lags=[
                staff_pb2.ConsumerLag(consumer=group, topic=topic, lag=lag)
                for (group, topic), lag in sorted(lags.items())
            ],
            stages=stages_of(exposition for _, exposition in answers),
        )

    async def _look_at(self, name: str, url: str) -> tuple[staff_pb2.ServiceHealth, str]:
        """Its health and its metrics in Prometheus's text form; no text where there are none."""
        try:
            async with self._client.get(f"{url}/ready") as ready:
                detail = "" if ready.ok else (await ready.text())[:_DETAIL_LENGTH_MAX]
            async with self._client.get(f"{url}/metrics") as metrics:
                exposition = await metrics.text() if metrics.ok else ""
        except (aiohttp.ClientError, TimeoutError):
            return staff_pb2.ServiceHealth(service=name, ready=False, detail="no answer"), ""
        return staff_pb2.ServiceHealth(service=name, ready=ready.ok, detail=detail), exposition


def _lags(exposition: str) -> dict[tuple[str, str], int]:
    lags: dict[tuple[str, str], int] = defaultdict(int)
    for family in text_string_to_metric_families(exposition):
        if family.name == CONSUMER_LAG.name:
            for sample in family.samples:
                lags[sample.labels["group"], sample.labels["topic"]] += int(sample.value)
    return lags
