"""Plays forms of a town one after the other, and lets a stage lose its store."""

from chassis.streams import Incoming
from services.eligibility.tests.pipeline import DictState, Pipeline, Written
from services.eligibility.tests.town import Form, Home, home

HOME = home(1, 3)


def played(*forms: Form, homes: tuple[Home, ...] = (HOME,)) -> Pipeline:
    pipeline = Pipeline()
    pipeline.register(*homes)
    pipeline.run()
    for each in forms:
        pipeline.submit(each)
        pipeline.run()
    return pipeline


def lose_store(pipeline: Pipeline, name: str = "identify") -> None:
    """A stage comes back with its changelog and with what it had read of its tables, of which
    compaction has left the last record of each key.
    """
    stage = next(each for each in pipeline.stages if each.name == name)
    lost, state = pipeline.states[name], DictState()
    state.values, state.logged = dict(lost.logged), dict(lost.logged)
    pipeline.states[name] = state
    for topic in stage.tables:
        unread = len(pipeline.queues[name][topic])
        records = pipeline.topics.get(topic, [])
        for record in _kept(records[: len(records) - unread]):
            incoming = Incoming(topic, 0, 0, record.key, record.message, 0, None, b"")
            stage.reload([incoming], state)
    assert state.logged == lost.logged, "a stage may not log what it only reads again"


def _kept(records: list[Written]) -> list[Written]:
    last = {record.key: number for number, record in enumerate(records)}
    return [records[number] for number in sorted(last.values())]
