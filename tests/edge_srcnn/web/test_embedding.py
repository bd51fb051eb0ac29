"""Pages of other origins in a real browser: what they may show and read is what the options name."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from tests.edge_srcnn.web.chromium import PROGRAM, Browser
from tests.edge_srcnn.web.serving import pipeline
from tests.edge_srcnn.web.test_neighbours import nginx, section

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")]

TOKEN = "0123456789abcdef"
PAGE = """<!doctype html><title>another</title><iframe id="frame" src="{ours}/?token={token}"></iframe><script>
const seen = {{}};
for (const [name, path] of [["snapshot", "snapshot.jpg"], ["stream", "stream.mjpg"]]) {{
  const image = document.body.appendChild(new Image());
  image.onload = () => (seen[name] = true);
  image.onerror = () => (seen[name] = false);
  image.src = "{ours}/" + path + "?token={token}";
}}
const bearer = {{ Authorization: "Bearer {token}" }};
for (const [name, query, headers] of [["read", "?token={token}", {{}}], ["bearer", "", bearer]])
  fetch("{ours}/state" + query, {{headers}}).then((answer) => (seen[name] = answer.ok), () => (seen[name] = false));
document.getElementById("frame").onload = () => (seen.frame = true);
</script>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as running:
        yield running


@contextmanager
def another_page() -> Iterator[ThreadingHTTPServer]:
    """A server whose page shows ours, our pictures, and reads our state."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.server.page.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("option", "shown", "framed", "read"),
    [
        ("", False, False, False),
        ("frame={origin}", True, True, False),
        ("cors={origin}", True, False, True),
        ("frame=http://other.example&cors=http://other.example", True, False, False),
    ],
)
def test_another_page_shows_and_reads_what_the_options_say(
    browser: Browser, option: str, shown: bool, framed: bool, read: bool
) -> None:
    with another_page() as other:
        origin = f"http://127.0.0.1:{other.server_address[1]}"
        with pipeline(f"token={TOKEN}&{option.format(origin=origin)}".rstrip("&")) as sink:
            other.page = PAGE.format(ours=sink.address, token=TOKEN)

            async def look() -> tuple[dict[str, bool], bool]:
                async with browser.tab() as tab:
                    await tab.send("Page.enable")
                    await tab.send("Page.navigate", url=origin)
                    await tab.wait_for("typeof seen !== 'undefined' && Object.keys(seen).length === 5")
                    (child,) = (await tab.send("Page.getFrameTree"))["frameTree"]["childFrames"]
                    return await tab.evaluate("seen"), "unreachableUrl" not in child["frame"]

            seen, is_framed = asyncio.run(look())
    assert seen == {"snapshot": shown, "stream": shown, "read": read, "bearer": read, "frame": True}
    assert is_framed == framed


def test_the_page_is_live_behind_a_proxy_that_takes_a_path_away(browser: Browser, tmp_path) -> None:
    _, (block,) = section("nginx")
    with ExitStack() as stack:
        sink = stack.enter_context(pipeline("proxy=127.0.0.1"))
        block = block.replace("127.0.0.1:8080", sink.address.removeprefix("http://"))
        front = stack.enter_context(nginx([block], tmp_path))

        async def look() -> None:
            async with browser.tab() as tab:
                await tab.open(f"{front.address}/cam/", 800, 600)
                await tab.wait_for('document.body.dataset.signal === "live"')
                assert tab.complaints == []

        asyncio.run(look())
