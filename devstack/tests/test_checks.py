"""What is found wrong with a machine before anything starts, each in one line."""

import socket
from pathlib import Path

import pytest

from devstack.checks import (
    check_disk,
    check_ports,
    check_python,
    describe_owner,
    port_base_from,
)
from devstack.errors import SetupError
from devstack.ports import OFFSETS, PORT_SPAN, Ports, random_base


def test_no_two_ports_share_an_offset() -> None:
    assert len(set(OFFSETS.values())) == len(OFFSETS)
    assert max(OFFSETS.values()) < PORT_SPAN


def test_a_port_in_use_is_named_with_the_way_out() -> None:
    ports = random_base(("kafka",))
    taken = socket.create_server(("127.0.0.1", ports.of("kafka")))
    with taken, pytest.raises(SetupError) as caught:
        check_ports(ports, ["kafka"])
    text = str(caught.value)
    assert f"port {ports.of('kafka')} (kafka) is in use" in text
    assert "KYUFU_PORT_BASE=" in text
    assert "\n" not in text


def test_free_ports_pass() -> None:
    check_ports(random_base(("kafka", "postgres")), ["kafka", "postgres"])


def test_the_owner_of_a_port_is_read_from_the_listing() -> None:
    line = 'LISTEN 0 50 127.0.0.1:28492 *:* users:(("java",pid=412,fd=99))'
    assert describe_owner(line) == "java, pid 412"
    assert describe_owner("LISTEN 0 50 127.0.0.1:28492 *:*") == "another process"


def test_a_disk_too_small_is_named_with_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"GB free and this run needs 1000000000.0 GB"):
        check_disk(tmp_path / "not" / "there", 10**18)


def test_a_disk_large_enough_passes(tmp_path: Path) -> None:
    check_disk(tmp_path, 1)


@pytest.mark.parametrize("version", [(3, 10), (3, 12)])
def test_another_python_is_refused(version: tuple[int, int]) -> None:
    with pytest.raises(SetupError, match=r"Python 3\.11 is needed"):
        check_python(version)


@pytest.mark.parametrize("text", ["", "many", "-1"])
def test_a_port_base_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(SetupError, match="KYUFU_PORT_BASE"):
        port_base_from({"KYUFU_PORT_BASE": text})


@pytest.mark.parametrize("base", [1023, 65436])
def test_a_port_base_out_of_range_is_refused(base: int) -> None:
    with pytest.raises(SetupError, match="out of range"):
        Ports(base)


@pytest.mark.parametrize("base", [1024, 65435])
def test_a_port_base_at_the_edge_is_taken(base: int) -> None:
    assert Ports(base).base == base
