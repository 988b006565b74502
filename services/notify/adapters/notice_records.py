"""The event of a notice that ended, for notices.recorded."""

from datetime import datetime
from typing import Final

from kyufu.events.v1 import operations_pb2

from chassis.clock import to_ms
from chassis.ids import event_id
from chassis.outbox import OutboxRow, outbox_row
from services.notify.domain.notices import Channel, Delivered, Silent
from services.notify.ports import Settled

RECORDED_TOPIC: Final = "notices.recorded"
STAGE: Final = "notify"
_CHANNELS: Final = {
    Channel.EMAIL: operations_pb2.NOTICE_CHANNEL_EMAIL,
    Channel.SMS: operations_pb2.NOTICE_CHANNEL_SMS,
}
# Part of the event id: numbers of the contract, never to be changed.
_ORDINALS: Final = {Channel.EMAIL: 1, Channel.SMS: 2}


def notice_recorded(settled: Settled, at: datetime) -> list[OutboxRow]:
    """The event of a notice that ended; none while it is tried again, nor where nothing was to be
    sent, nor where the contact could not even be opened (that is logged and counted).
    """
    if settled.retry_at is not None or isinstance(settled.attempt, Silent):
        return []
    if settled.channel is None:
        return []
    notice = settled.due.notice
    delivered = isinstance(settled.attempt, Delivered)
    message = operations_pb2.NoticeRecorded(
        event_id=event_id(
            notice.application_id, 0, STAGE, notice.event_id, _ORDINALS[settled.channel]
        ),
        causing_event_id=notice.event_id,
        application_id=notice.application_id,
        channel=_CHANNELS[settled.channel],
        template=notice.template.value,
        state=(
            operations_pb2.NOTICE_STATE_DELIVERED
            if delivered
            else operations_pb2.NOTICE_STATE_FAILED
        ),
        occurred_at_ms=to_ms(at),
    )
    return [outbox_row(RECORDED_TOPIC, notice.application_id, message, notice.traceparent)]
