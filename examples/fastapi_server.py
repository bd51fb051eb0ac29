"""Serve an enhanced camera with FastAPI: /stream.mjpg and /still.jpg. Nothing here blocks the event loop.

usage: SOURCE=/dev/video0 uvicorn --timeout-graceful-shutdown 1 fastapi_server:app
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import cv2
from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse

import edge_srcnn


class Camera:
    """Keep the newest frame as JPEG for all who look."""

    def __init__(self) -> None:
        self.jpeg, self.number, self.ended = b"", 0, False
        self.news = asyncio.Condition()

    async def read(self, frames: edge_srcnn.AsyncFrameStream) -> None:
        """Read until the source ends, or this task is cancelled."""
        try:
            async for frame in frames:
                await self.show(await asyncio.to_thread(jpeg_of, frame))
        finally:
            self.ended = True
            await self.show(self.jpeg)

    async def show(self, jpeg: bytes) -> None:
        """Let all who look have this picture."""
        async with self.news:
            self.jpeg, self.number = jpeg, self.number + 1
            self.news.notify_all()

    async def pictures(self) -> AsyncIterator[bytes]:
        """Give the newest picture, and each one after it that there is time for."""
        seen = 0
        while not self.ended:
            async with self.news:
                await self.news.wait_for(lambda seen=seen: self.number > seen)  # type: ignore[misc]
                seen = self.number
            yield self.jpeg


def jpeg_of(frame: edge_srcnn.EnhancedFrame) -> bytes:
    """Encode a frame."""
    return cv2.imencode(".jpg", frame.bgr())[1].tobytes()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Read the camera for as long as the server runs; one that is lost is waited for."""
    async with edge_srcnn.astream(os.environ.get("SOURCE", "/dev/video0"), steady=True) as frames:
        reading = asyncio.create_task(camera.read(frames))
        yield
        reading.cancel()
        await asyncio.wait([reading])


camera = Camera()
app = FastAPI(title="Camera", lifespan=lifespan)


@app.get("/still.jpg")
async def still() -> Response:
    """Give the newest picture."""
    jpeg = await anext(camera.pictures(), camera.jpeg)
    return Response(jpeg, media_type="image/jpeg")


@app.get("/stream.mjpg")
async def stream() -> StreamingResponse:
    """Give pictures for as long as somebody looks."""

    async def parts() -> AsyncIterator[bytes]:
        async for jpeg in camera.pictures():
            yield b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg + b"\r\n"

    return StreamingResponse(parts(), media_type="multipart/x-mixed-replace; boundary=frame")
