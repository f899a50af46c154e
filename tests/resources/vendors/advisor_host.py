"""A scripted language model: chat completions as its vendor words them, and settings that point there."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from market_assets.settings import Settings
from tests.resources.vendor_host import Asked, Host, Says, live_settings

KEY = "sk-marked-secret-7f3a9"


def completion(content: str | None, *, finish: str = "stop", blank_lines: int = 0) -> Says:
    """An answer whose message is `content`, after the blank lines of a queue."""
    body = {
        "id": "c-1",
        "object": "chat.completion",
        "created": 1_795_000_000,
        "model": "deepseek-v4-flash",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": content, "reasoning_content": "thought"},
            }
        ],
        "usage": {"prompt_tokens": 300, "completion_tokens": 100, "total_tokens": 400},
    }
    return Says(b"\n" * blank_lines + json.dumps(body).encode())


def refusal(status: int, message: str, **headers: str) -> Says:
    """An error as the vendor words it."""
    said = {"error": {"message": message, "type": "t", "param": None, "code": "c"}}
    return Says(said, status, headers)


def advised_settings(host: Host, *, advice: dict[str, Any] | None = None, **overrides: Any) -> Settings:
    """Live settings with an advisor at `host` and the marked key."""
    section = {"enabled": True, "base_url": host.url, **(advice or {})}
    return live_settings(host, crypto={"advice": section}, **{"ADVISOR_API_KEY": KEY, **overrides})


def text_of(asked: Asked) -> str:
    """The prompt in a request."""
    (message,) = json.loads(asked.content)["messages"]
    found: str = message["content"]
    return found


class Queue:
    """A vendor whose requests stay queued: a blank line every 20 ms, and never an answer."""

    def __init__(self) -> None:
        self.requests, self._closing = 0, threading.Event()
        queue = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                queue.requests += 1
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                try:
                    while not queue._closing.is_set():
                        self.wfile.write(b"1\r\n\n\r\n")
                        self.wfile.flush()
                        time.sleep(0.02)
                except OSError:
                    self.close_connection = True

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
