"""GetStatus: one look at everything, each part with its own bound; a silent part hides no other."""

import asyncio
from collections.abc import Sequence

from confluent_kafka import KafkaException
from kyufu.payments.v1 import payments_pb2
from kyufu.staff.v1 import staff_pb2

from chassis.grpc.errors import RpcFailure
from services.console.entrypoints.encoding import merged_lags
from services.console.ports import DeadLetterStore, GroupLags, Payments, Peers, ReviewStore


async def collect(
    *,
    peers: Peers,
    lags: GroupLags,
    payments: Payments,
    programmes: Sequence[str],
    reviews: ReviewStore,
    letters: DeadLetterStore,
) -> staff_pb2.GetStatusResponse:
    """The status of the installation."""
    looked, kafka, stations, open_reviews, waiting = await asyncio.gather(
        peers.look(),
        _group_lags(lags),
        _stations(payments, programmes),
        asyncio.to_thread(reviews.open_total, None),
        asyncio.to_thread(letters.waiting_total),
    )
    kafka_lags, kafka_trouble = kafka
    yen, payments_trouble = stations
    return staff_pb2.GetStatusResponse(
        services=[*looked.services, *kafka_trouble, *payments_trouble],
        lags=merged_lags(kafka_lags, looked.lags),
        stations=yen,
        open_reviews=open_reviews,
        dead_letters=waiting,
        stages=looked.stages,
    )


async def _group_lags(
    lags: GroupLags,
) -> tuple[list[staff_pb2.ConsumerLag], list[staff_pb2.ServiceHealth]]:
    try:
        return await asyncio.to_thread(lags.look), []
    except (KafkaException, TimeoutError) as error:
        return [], [_trouble("kafka", type(error).__name__)]


async def _stations(
    payments: Payments, programmes: Sequence[str]
) -> tuple[list[payments_pb2.YenByStation], list[staff_pb2.ServiceHealth]]:
    found: list[payments_pb2.YenByStation] = []
    try:
        for programme in programmes:
            found.extend(await payments.stations(programme))
    except RpcFailure as error:
        return found, [_trouble("payments (yen by station)", str(error))]
    return found, []


def _trouble(name: str, detail: str) -> staff_pb2.ServiceHealth:
    return staff_pb2.ServiceHealth(service=name, ready=False, detail=detail)
