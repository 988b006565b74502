"""Fixtures that all kinds of intake's tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.intake.tests.support import Installation, Rig


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """Key files, a card authority and clients of one synthetic installation."""
    return Installation(tmp_path / "secrets")


@pytest.fixture
def rig(installation: Installation) -> Rig:
    """The real app on fakes for Kafka and PostgreSQL."""
    return Rig(installation)


@pytest.fixture
async def client(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """A client that talks to the app without a socket."""
    transport = httpx.ASGITransport(app=rig.app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as talking:
        yield talking
