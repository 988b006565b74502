"""Reads a request's body within its bounds, whatever Content-Length says."""

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect, Request

from services.intake.entrypoints.problems import HttpCode

BODY_BYTES_MAX: Final = 64 * 1024
# A body that is too large is read off and forgotten up to here, so that the client hears the answer
# instead of a reset connection.
DRAINED_BYTES_MAX: Final = 16 * 1024 * 1024
BODY_TIMEOUT_S: Final = 10.0


async def read_body(request: Request) -> bytes | HttpCode:
    """The body, or why there is none."""
    chunks: list[bytes] = []
    size_bytes = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                size_bytes += len(chunk)
                if size_bytes <= BODY_BYTES_MAX:
                    chunks.append(chunk)
                elif size_bytes > DRAINED_BYTES_MAX:
                    break
    except TimeoutError:
        return HttpCode.BODY_TOO_SLOW
    except ClientDisconnect:
        return HttpCode.CLIENT_GONE
    return b"".join(chunks) if size_bytes <= BODY_BYTES_MAX else HttpCode.BODY_TOO_LARGE
