"""The last screen: the funnel, reasons, yen at every station, invariants, where the files lie."""

from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table

OUTCOMES = ("approved", "refused", "superseded", "withdrawn", "waiting", "dead_lettered")
YEN = (
    ("decided", "decided"),
    ("in_files", "in bank files"),
    ("bank_accepted", "accepted by the bank"),
    ("bank_rejected", "in files the bank refused"),
    ("returned", "given back by the bank"),
    ("paid_net", "with the payees"),
)


def show(console: Console, report: dict[str, Any], run_dir: Path, problems: list[str]) -> None:
    """Prints the whole report on one screen."""
    console.print(
        Panel(
            Group(
                _funnel(report),
                _reasons(report),
                _yen(report),
                _invariants(report),
            ),
            title=f"特別定額給付金 · {report['households']:,} households · seed {report['seed']}",
        )
    )
    timings = report["timings_s"]
    console.print(
        f"{report['households_per_s']:,} households a second from the first application to the "
        f"last notice ({timings['applying']} s); set-up {timings['setup']} s."
    )
    console.print(
        f"Report {run_dir}/report.json · bank files {run_dir}/bank/ · notices {run_dir}/notices/ "
        f"· logs {run_dir}/logs/"
    )
    for problem in problems:
        console.print(f"[bold red]failed[/] {problem}", highlight=False)
    if not problems:
        console.print("[bold green]Every checked invariant held; every case ended as it should.[/]")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column(columns[0], min_width=34)
    for column in columns[1:]:
        table.add_column(column, justify="right", min_width=16)
    return table


def _funnel(report: dict[str, Any]) -> Table:
    applications = report["applications"]
    table = _table("Applications", "", "count")
    table.add_row("attempted", f"{applications['attempted']:,}")
    table.add_row("accepted (202)", f"{applications['accepted']:,}")
    for name in OUTCOMES:
        table.add_row(f"  {name.replace('_', ' ')}", f"{applications[name]:,}")
    notices = report["notices"]
    table.add_row("notices requested", f"{notices['requested']:,}")
    table.add_row("notices delivered", f"{notices['delivered']:,}")
    return table


def _reasons(report: dict[str, Any]) -> Table:
    table = _table("Refused and waiting, by reason", "", "count")
    for label, number in report["reasons"].items():
        table.add_row(f"  {label}", f"{number:,}")
    return table


def _yen(report: dict[str, Any]) -> Table:
    table = _table("Yen", "", "yen")
    for name, title in YEN:
        table.add_row(f"  {title}", f"{report['yen'][name]:,}")
    for station, yen in report["yen_by_station"].items():
        table.add_row(f"  ledger: {station.replace('_', ' ')}", f"{yen:,}")
    return table


def _invariants(report: dict[str, Any]) -> Table:
    table = _table("Invariants", "", "verdict")
    for name, verdict in report["invariants"].items():
        colour = {"pass": "green", "fail": "bold red"}.get(verdict, "dim")
        table.add_row(f"  {name}", f"[{colour}]{verdict}[/]")
    return table
