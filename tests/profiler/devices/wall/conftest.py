"""A logger that appends to a real file, and a meter that answers over real HTTP on this machine."""

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Logger:
    """Appends a row every ``period_s`` with the time of its own clock, which is ``ahead_s`` from ours."""

    def __init__(self, path, power_w, period_s=0.02, ahead_s=0.0):
        self.path, self.power_w, self.period_s, self.ahead_s = path, power_w, period_s, ahead_s
        path.write_text("timestamp,power_w\n")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(self.period_s):
            with self.path.open("a") as file:
                file.write(f"{time.time() + self.ahead_s:.6f},{self.power_w}\n")

    def end(self):
        self._stop.set()
        self._thread.join()


@pytest.fixture
def logger(tmp_path):
    """Starts loggers, and ends them."""
    made = []

    def start(power_w=80.0, **more):
        made.append(Logger(tmp_path / "meter.csv", power_w, **more))
        return made[-1]

    yield start
    for one in made:
        one.end()


@pytest.fixture
def serve():
    """Starts a server on 127.0.0.1 whose answers are made by a function: (status, body), or nothing for silence."""
    servers = []

    def start(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                said = answer(self)
                if said is None:
                    return
                status, body = said
                with contextlib.suppress(ConnectionError):  # who asked may have given up
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
