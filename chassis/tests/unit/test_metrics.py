"""Metrics: declared once, by kind, with closed labels."""

import pytest
from prometheus_client import generate_latest

from chassis.metric_defs import CHASSIS_METRICS, DEAD_LETTERS, MetricDef, MetricType
from chassis.metrics import Metrics

ACCEPTED = MetricDef("kyufu_example_records", MetricType.COUNTER, "records", ("state",), "Example.")


def test_a_declared_counter_is_exposed_with_its_labels() -> None:
    metrics = Metrics([ACCEPTED])
    metrics.counter(ACCEPTED).labels(state="new").inc(2)
    text = generate_latest(metrics.registry).decode()
    assert 'kyufu_example_records_total{state="new"} 2.0' in text


def test_an_undeclared_metric_is_an_error() -> None:
    with pytest.raises(KeyError):
        Metrics().counter(ACCEPTED)


def test_a_metric_of_another_kind_is_an_error() -> None:
    with pytest.raises(KeyError):
        Metrics([ACCEPTED]).gauge(ACCEPTED)


def test_two_declarations_of_one_name_are_an_error() -> None:
    twin = MetricDef("kyufu_example_records", MetricType.GAUGE, "records", (), "Other.")
    with pytest.raises(ValueError, match="twice"):
        Metrics([ACCEPTED, twin])


def test_every_process_has_the_metrics_of_the_chassis() -> None:
    assert Metrics().counter(DEAD_LETTERS) is not None
    assert len({definition.name for definition in CHASSIS_METRICS}) == len(CHASSIS_METRICS)


@pytest.mark.parametrize(
    ("name", "unit", "labels"),
    [
        ("example_records", "records", ()),
        ("kyufu_example", "records", ()),
        ("kyufu_example_records", "records", ("resident_id",)),
    ],
)
def test_a_metric_without_prefix_or_unit_or_with_an_id_as_label_is_refused(
    name: str, unit: str, labels: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match="_"):
        MetricDef(name, MetricType.COUNTER, unit, labels, "x")
