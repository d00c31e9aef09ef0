"""A hub on loopback: what `storage.hub` asks the Hugging Face hub for, from files in memory.

It answers HEAD and GET of /OWNER/NAME/resolve/REVISION/FILE with the hub's headers, and parts of a file where
a Range is asked for. It can cut an answer short, and it keeps what it was asked.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class LocalHub:
    """Files by "owner/name/file".

    Attributes:
        files: what is there.
        cut: bytes after which every answer breaks off; None lets it through.
        gone: repositories that are not there.
        ranges: what was asked for, a start each.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: int | None = None
        self.gone: set[str] = set()
        self.ranges: list[int] = []
        self.address = ""

    def answer(self, request: BaseHTTPRequestHandler, with_body: bool) -> None:
        """One request."""
        found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", request.path)
        assert found is not None, request.path
        repository, _, name = found.groups()
        data = self.files.get(f"{repository}/{name}")
        if repository in self.gone or data is None:
            self.refuse(request, "RepoNotFound" if repository in self.gone else "EntryNotFound")
            return
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        request.send_response(206 if asked else 200)
        request.send_header("X-Repo-Commit", COMMIT)
        request.send_header("ETag", '"0"')
        request.send_header("Content-Length", str(len(data) - start))
        if asked:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        request.end_headers()
        if with_body:
            self.ranges.append(start)
            request.wfile.write(data[start : None if self.cut is None else max(start, self.cut)])
            request.close_connection = True

    def refuse(self, request: BaseHTTPRequestHandler, why: str) -> None:
        """As the hub says that something is not there."""
        request.send_response(404)
        request.send_header("X-Error-Code", why)
        request.send_header("X-Repo-Commit", COMMIT)
        request.send_header("Content-Length", "0")
        request.end_headers()


@contextmanager
def serving() -> Iterator[LocalHub]:
    """A hub that runs as long as this lasts."""
    hub = LocalHub()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            hub.answer(self, with_body=False)

        def do_GET(self) -> None:
            hub.answer(self, with_body=True)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
