"""Two replicas behind nginx: a visitor stays with one, a link opens on either, and when one dies its visitors
get one sentence and open their link on the other. `make test-replicas`; skipped without nginx."""

import grp
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from demo.store import GONE
from studies.load import Visitor
from tests.served import ASK, ROOT, Server, begin, free_port, tokens

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed: apt-get install nginx"),
    pytest.mark.skipif("WITH_REPLICAS" not in os.environ, reason="half a minute: make test-replicas"),
]
AROUND = """
user {user} {group};
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s;
{server}
}}
"""


def documented() -> str:
    """The configuration that docs/serve.md shows."""
    (text,) = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs" / "serve.md").read_text("utf-8"), re.DOTALL)
    return text


def configuration(folder: Path, port: int, replicas: list[Server]) -> Path:
    """That, with ports of this test."""
    server = documented().replace("listen 80;", f"listen 127.0.0.1:{port};")
    for documented_port, replica in zip((7860, 7861), replicas, strict=True):
        assert f"127.0.0.1:{documented_port}" in server
        server = server.replace(f"127.0.0.1:{documented_port}", f"127.0.0.1:{replica.port}")
    path = folder / "nginx.conf"
    who = {"user": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name}
    path.write_text(AROUND.format(folder=folder, server=server, **who), "utf-8")
    return path


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Two replicas and the proxy before them: its address, and the replicas. The last test kills one."""
    tmp_path = tmp_path_factory.mktemp("house")
    replicas = [Server(tmp_path, FORWARDED_ALLOW_IPS="127.0.0.1") for _ in range(2)]
    port = free_port()
    proxy = None
    try:
        for replica in replicas:
            replica.wait()
        path = configuration(tmp_path, port, replicas)
        proxy = subprocess.Popen([str(NGINX), "-c", str(path), "-p", str(tmp_path)])
        address = f"http://127.0.0.1:{port}/"
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                assert httpx.get(f"{address}health").status_code == 200
                break
            except httpx.HTTPError:
                time.sleep(0.05)
        yield address, replicas
    finally:
        if proxy:
            proxy.terminate()
            proxy.wait(10)
        for replica in replicas:
            replica.end(signal.SIGKILL)


def answers(replica: Server) -> float:
    """How many questions a replica has answered."""
    text = httpx.get(f"{replica.address}metrics").text
    return sum(
        float(line.split()[-1]) for line in text.splitlines() if line.startswith("tokendial_answers_total")
    )


def of(visitor: Visitor, replicas: list[Server]) -> Server:
    """The replica that answers a visitor; always the same one."""
    before = [answers(each) for each in replicas]
    for _ in range(4):
        assert visitor.ask({"what": "here"}) == {"here": True}
    grown = [answers(each) - was for each, was in zip(replicas, before, strict=True)]
    assert sorted(grown) == [0, 4], "a visitor stays with one replica"
    return replicas[grown.index(4)]


def on(
    address: str, replicas: list[Server], which: Server | None = None, number: int = 0
) -> tuple[Visitor, Server]:
    """A visitor, of one replica if that is asked for."""
    for _ in range(30):
        visitor = Visitor(address, number)
        mine = of(visitor, replicas)
        if which in (None, mine):
            return visitor, mine
    raise AssertionError("no visitor of thirty came to this replica")


def visitor_file(size: int) -> dict:
    return {"files": ("large.jpg", b"\xff" * size, "image/jpeg")}


def test_the_proxy_hides_the_figures_and_lets_20_megabytes_pass(house):
    address, replicas = house
    assert httpx.get(f"{address}metrics").status_code == 403
    large = visitor_file(18 << 20)
    answer = Visitor(address, 3).client.post("gradio_api/upload", files=large)
    assert answer.status_code == 200, "20 MB pass, as the page says"
    assert httpx.get(f"{replicas[0].address}metrics").status_code == 200


def test_a_visitor_stays_a_link_opens_anywhere_and_a_dead_replica_is_one_sentence(house):
    address, replicas = house
    visitor, mine = on(address, replicas, number=1)
    head = begin(visitor, path=visitor.upload())
    text = tokens(visitor, head["start"]["token"])
    (other,) = [each for each in replicas if each is not mine]

    friend, _ = on(address, replicas, other, number=2)
    opened = begin(friend, **{"from": "link", "tokens": text})
    assert tokens(friend, opened["start"]["token"]) == text, "a link opens on the other replica"

    mine.end(signal.SIGKILL)
    pull = ASK | {"token": head["start"]["token"], "means": [], "samples": []}
    began = time.perf_counter()
    gone = visitor.ask(pull)
    assert gone == {"error": GONE, "gone": head["start"]["token"]}, (
        "one sentence; the page knows what to begin anew"
    )
    assert time.perf_counter() - began < 10
    opened = begin(visitor, **{"from": "link", "tokens": text})
    assert opened["frames"], "and the link opens"
    assert tokens(visitor, opened["start"]["token"]) == text
    assert "frames" in begin(visitor, path=visitor.upload()), "as does a new photo"
