"""The results as one table for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

OURS: Final = ("ours", "ours_two_workers")
_HEAD = f"{'hop':<12}{'contender':<24}{'events/s':>10}{'spread':>19}{'CPU us':>9}{'broker us':>11}"


def table_of(results: dict[str, Any]) -> str:
    """One line a hop and contender, then the whole core, ratios, latency, recovery and idling."""
    lines = [_HEAD, "-" * len(_HEAD)]
    for hop, contenders in results["hops"].items():
        lines.extend(_row(hop, name, row) for name, row in contenders.items())
    for name in ("whole_core", "whole_core_kafka_streams"):
        if name in results:
            lines.append(_row("whole core", name.removeprefix("whole_core_"), results[name]))
    lines.extend(_ratios(results))
    lines.extend(_rest(results))
    return "\n".join(lines)


def _row(hop: str, name: str, row: dict[str, Any]) -> str:
    spread = f"{min(row['rates']):,}-{max(row['rates']):,}"
    return (
        f"{hop:<12}{name:<24}{row['rate']:>10,}{spread:>19}"
        f"{row['cpu_us']:>9.1f}{row['broker_cpu_us']:>11.1f}"
    )


def _ratios(results: dict[str, Any]) -> Iterator[str]:
    """Ours by each other contender: more events a second and less CPU is better."""
    for hop, contenders in results["hops"].items():
        for ours in OURS:
            if ours not in contenders:
                continue
            words = [
                f"{_by(contenders[ours], row)} {name}"
                for name, row in contenders.items()
                if name not in OURS
            ]
            yield f"{hop}, {ours}: " + "; ".join(words)
    if "whole_core_kafka_streams" in results:
        ratio = _by(results["whole_core"], results["whole_core_kafka_streams"])
        yield f"whole core: {ratio} kafka_streams"


def _by(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    cpu = ours["cpu_us"] / theirs["cpu_us"]
    return f"{ours['rate'] / theirs['rate']:.2f}x the events/s at {cpu:.2f}x the CPU of"


def _rest(results: dict[str, Any]) -> Iterator[str]:
    for share, row in results.get("latency_ms", {}).items():
        yield f"latency at {share}: p50 {row['p50']:,.0f} ms, p99 {row['p99']:,.0f} ms"
    if "recovery" in results:
        words = ", ".join(
            f"{name} {'not told apart from noise' if value is None else format(value, ',')}"
            for name, value in results["recovery"].items()
        )
        yield f"recovery: {words}"
    for stage, percent in results.get("idle_percent", {}).items():
        yield f"idle: {stage} {percent:.2f} % of a core"
