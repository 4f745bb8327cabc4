"""A small application served for real, on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import uvicorn
from fastapi import FastAPI

from services.local.ports import free_ports

Serve = Callable[[FastAPI], AbstractAsyncContextManager[str]]


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serve an application for as long as the block lasts; give its origin."""
    (port,) = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


@pytest.fixture
def serve() -> Serve:
    return served
