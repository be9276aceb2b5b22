"""The review page under hostile requests: nothing is recorded, nothing breaks, and it ends when it is told to."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import pytest
from builders import failing, row, write_run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pages import Server, chromium, serving

from pipeline.review.serve.security import cookie_name, is_loopback
from pipeline.workflow import analyze

FORM = "application/x-www-form-urlencoded"
GOOD = {"row_id": "run_a:1", "bucket": "other", "attribution": "model"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile")
    analyze(run_dir=write_run(path / "in" / "run_a", [row(0), failing(1), failing(2)]), output=path / "out")
    return path / "out"


@pytest.fixture(scope="module")
def server(folder):
    with serving(folder) as server:
        yield server
        server.process.send_signal(signal.SIGINT)
        _, complaints = server.process.communicate(timeout=20)
        assert complaints == "error: interrupted\n"  # no traceback of any request before


def recorded(folder):
    ledger = folder / "reviews.jsonl"
    return ledger.read_bytes() if ledger.exists() else b""


def kinds(lines):
    return {json.loads(line)["event"] for line in lines.splitlines()}


# --- Only the loopback address -----------------------------------------------------------------------------------

LOOPBACK = st.sampled_from(["127.0.0.1", "localhost", "LocalHost", "[::1]"])
PORTS = st.integers(1, 65_535)


@given(LOOPBACK, st.none() | PORTS)
def test_a_loopback_host_with_or_without_a_port_is_known(host, port):
    assert is_loopback(host if port is None else f"{host}:{port}")


@given(LOOPBACK, st.text(min_size=1), st.text())
def test_a_loopback_host_with_anything_else_is_not(host, before, after):
    assert not is_loopback(before + host + after)


@given(LOOPBACK, PORTS, st.text(min_size=1).filter(lambda text: not text.isdecimal()))
def test_a_host_that_goes_on_after_its_port_is_not(host, port, after):
    assert not is_loopback(f"{host}:{port}{after}")


@pytest.mark.parametrize(
    "host",
    [
        *("localhost:", "localhost:0", "localhost:65536", "localhost:+1", "localhost:٣", "localhost.", "localhost\n"),
        *("evil@localhost", "localhost@evil", "localhost/evil", "localhost?evil", "localhost#evil", "local\thost"),
        *("::1", "[::1", "::1]", "[::1]x", "[::1]:", "[::1%25lo]", "[::ffff:127.0.0.1]", "127.1", "2130706433", ""),
        *("localhost, evil", "evil:80,localhost:80", "http://localhost", "127.0.0.1.evil.example"),
    ],
)
def test_hosts_that_only_contain_a_loopback_address_are_not(host):
    assert not is_loopback(host)


def test_two_hosts_are_refused(server):
    request = f"GET /state HTTP/1.1\r\nHost: {server.host}\r\nHost: evil\r\nCookie: {cookie(server)}\r\n\r\n"
    assert answer_to(server, request.encode()).startswith((b"HTTP/1.1 400", b"HTTP/1.1 421"))


# --- Requests that nobody meant ----------------------------------------------------------------------------------


def cookie(server):
    return f"{cookie_name(server.token)}={server.token}"


def port_of(server):
    return int(server.host.rpartition(":")[2])


def answer_to(server, request):
    """Send bytes, and give what comes back until the server closes or waits for more."""
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=5) as connection:
        connection.settimeout(1)
        got = b""
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                got += part
        except OSError:  # it closed before it had read everything
            pass
        return got


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("GET", {"Sec-Purpose": "prefetch"}),
        ("GET", {"Sec-Purpose": "prefetch;prerender"}),
        ("GET", {"Sec-Purpose": "prefetch;anonymous-client-ip"}),
        ("GET", {"Purpose": "prefetch"}),
        ("GET", {"purpose": "Prefetch"}),
        ("GET", {"X-Purpose": "preview"}),
        ("GET", {"X-Moz": "prefetch"}),
        ("OPTIONS", {}),
        ("PUT", {}),
    ],
)
def test_what_is_not_shown_does_not_count_as_opened(folder, server, method, headers):
    before = recorded(folder)
    for path in ("/row?id=run_a:1", "/", "/findings", f"/?token={server.token}"):
        assert server.ask(method, path, **headers)[0] in {405, 503}
    assert recorded(folder) == before


NAMES = st.sampled_from(["record", "defer", "undo", "describe", "bucket", "report"])
TEXT = st.text(max_size=40) | st.sampled_from(["\0", "\ud7ff", "../../etc/passwd", "run_a:1\n", "run_a:99", "9" * 500])
TYPES = st.sampled_from(
    ["application/json", "text/plain", "multipart/form-data; boundary=x", "multipart/form-data", "", FORM + "x", "\x80"]
)
BODIES = st.binary(max_size=300) | st.sampled_from(
    [
        b"{",
        b'{"row_id": "run_a:1"}',
        b"--x\r\n",
        b"[" * 5000,
        urlencode(GOOD).encode(),
        b"%",
        b"%ff=%ff&%00",
        b"&" * 3000,
    ]
)


def send(server, method, path, body=b"", content_type=None):
    """Make a request that knows the token; give the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", server.host)
        connection.putheader("Cookie", cookie(server))
        if content_type is not None:
            connection.putheader("Content-Type", content_type.encode("latin-1"))
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        return connection.getresponse().status
    finally:
        connection.close()


HOSTILE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=120)


@HOSTILE
@given(name=NAMES, content_type=TYPES, body=BODIES)
def test_bodies_of_another_kind_record_nothing(folder, server, name, content_type, body):
    before = recorded(folder)
    assert send(server, "POST", f"/{name}", body, content_type) in {400, 413, 415}
    assert recorded(folder) == before


@HOSTILE
@given(name=NAMES.filter(lambda name: name != "report"), body=BODIES.filter(lambda body: b"bucket=" not in body))
def test_forms_of_any_bytes_record_nothing(folder, server, name, body):
    before = recorded(folder)
    assert send(server, "POST", f"/{name}", body, FORM) in {400, 422}
    assert recorded(folder) == before


@HOSTILE
@given(
    name=st.sampled_from(["record", "describe", "bucket"]),  # to defer a row, its id is enough
    fields=st.dictionaries(
        st.sampled_from(
            "row_id attribution secondary quote evidence_digest model benchmark parent row filter_turn place".split()  # noqa: SIM905
        )
        | TEXT,
        TEXT | st.lists(TEXT, max_size=3),
        max_size=6,
    ),
)
def test_fields_of_any_text_record_no_more_than_that_the_row_was_shown_again(folder, server, name, fields):
    before = recorded(folder)
    body = urlencode(fields, doseq=True, errors="replace").encode()
    assert send(server, "POST", f"/{name}", body, FORM) in {400, 422}
    assert kinds(recorded(folder)[len(before) :]) <= {"opened"}


PATHS = st.sampled_from(
    [
        *(
            "/static/../app.py",
            "/static/%2e%2e/app.py",
            "/static/..%2f..%2fapp.py",
            "/static/%00",
            "//record",
            "/record/",
        ),
        *("/row", "/row?id=", "/row?id=%00", "/row?id=run_a:1&id=run_a:99", "/row;x", "/%ff", "/./row?id=run_a:99"),
        *("http://evil/row", "*", "/state/..;/record", "/?turn=%ff&state=%00", "/done?said=%0d%0aSet-Cookie:x"),
    ]
) | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60).map(lambda text: f"/{text}")


@HOSTILE
@given(method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"]), path=PATHS)
def test_paths_and_methods_of_any_kind_break_nothing(folder, server, method, path):
    before = recorded(folder)
    assert send(server, method, path, b"", FORM) < 500
    assert kinds(recorded(folder)[len(before) :]) <= {"opened"}  # `/row?id=run_a:1` shows a row


@HOSTILE
@given(request=st.binary(max_size=400) | st.binary(max_size=100).map(lambda end: b"POST /record HTTP/1.1\r\n" + end))
def test_bytes_that_are_no_request_break_nothing(folder, server, request):
    before = recorded(folder)
    assert answer_to(server, request)[:12] in {b"", b"HTTP/1.1 400", b"HTTP/1.1 403", b"HTTP/1.1 421"}
    assert recorded(folder) == before
    assert server.process.poll() is None


def test_a_huge_body_is_refused_before_it_has_come(folder, server):
    before = recorded(folder)
    head = f"POST /record HTTP/1.1\r\nHost: {server.host}\r\nCookie: {cookie(server)}\r\nContent-Type: {FORM}\r\n"
    whole = head.encode() + b"Content-Length: 1000000000000\r\n\r\n" + b"row_id=run_a:1&note=" + b"x" * 6_000_000
    chunked = head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + (b"100000\r\n" + b"x" * 0x100000 + b"\r\n") * 6
    for request in (whole, chunked):
        assert answer_to(server, request)[:12] in {b"HTTP/1.1 413", b""}  # closed while it was being sent
    assert recorded(folder) == before
    assert server.ask("GET", "/state")[0] == 200


def test_a_request_that_is_cut_off_records_nothing(folder, server):
    before = recorded(folder)
    body = urlencode(GOOD).encode()
    head = f"POST /record HTTP/1.1\r\nHost: {server.host}\r\nCookie: {cookie(server)}\r\nContent-Type: {FORM}\r\n"
    answer_to(server, head.encode() + f"Content-Length: {len(body) + 1}\r\n\r\n".encode() + body)
    assert recorded(folder) == before


# --- It ends -----------------------------------------------------------------------------------------------------


@contextmanager
def held_open(server, *requests):
    """Keep connections open on which parts of requests were sent."""
    connections = [socket.create_connection(("127.0.0.1", port_of(server))) for _ in requests]
    for connection, request in zip(connections, requests, strict=True):
        connection.sendall(request)
    time.sleep(0.3)
    try:
        yield
    finally:
        for connection in connections:
            connection.close()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_the_first_interruption_with_half_sent_requests_open(folder, sent):
    with serving(folder) as server:
        head = f"POST /record HTTP/1.1\r\nHost: {server.host}\r\nCookie: {cookie(server)}\r\nContent-Type: {FORM}\r\n"
        half = [b"", b"GET / HT", head.encode(), head.encode() + b"Content-Length: 500\r\n\r\nrow_id=run_a:1&"]
        chunked = head.encode() + b"Transfer-Encoding: chunked\r\n\r\n5\r\nrow_i"
        unread = f"GET /findings HTTP/1.1\r\nHost: {server.host}\r\nCookie: {cookie(server)}\r\n\r\n".encode() * 200
        with held_open(server, *half, chunked, unread):
            began = time.monotonic()
            server.process.send_signal(sent)
            _, complaints = server.process.communicate(timeout=20)
            assert time.monotonic() - began < 8
        assert (server.process.returncode, complaints) == (130, "error: interrupted\n")


# --- The browser -------------------------------------------------------------------------------------------------

BROWSER = """#!{python}
import json, os, sys, urllib.parse
path = urllib.parse.unquote(urllib.parse.urlsplit(sys.argv[1]).path)
seen = {{"arguments": sys.argv[1:], "environment": dict(os.environ), "text": open(path).read()}}
seen |= {{"modes": [os.stat(path).st_mode, os.stat(os.path.dirname(path)).st_mode]}}
with open({seen!r} + ".part", "w") as file:
    json.dump(seen, file)
os.rename({seen!r} + ".part", {seen!r})
"""


@contextmanager
def serving_with_browser(folder, tmp_path):
    """Serve a folder with a browser of our own; give the server and what the browser saw."""
    seen, browser = tmp_path / "seen.json", tmp_path / "browser"
    browser.write_text(BROWSER.format(python=sys.executable, seen=str(seen)), encoding="utf-8")
    browser.chmod(0o700)
    command = [sys.executable, "-m", "pipeline", "review", "serve", str(folder), "--reviewer", "ann"]
    environment = os.environ | {"BROWSER": f"{browser} %s", "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [*command, "--reviewer-kind", "human"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            server = Server(process, process.stdout.readline().strip())
            deadline = time.monotonic() + 20
            while not seen.exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            yield server, json.loads(seen.read_text(encoding="utf-8"))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


def test_no_other_process_is_given_the_token(folder, tmp_path):
    with serving_with_browser(folder, tmp_path) as (server, seen):
        assert server.token not in json.dumps([seen["arguments"], seen["environment"]])
        assert [stat.S_IMODE(mode) for mode in seen["modes"]] == [0o600, 0o700]
        assert server.address in seen["text"]
        file = Path(unquote(urlsplit(seen["arguments"][0]).path))
        assert parse_qs(urlsplit(server.address).query)["token"] == [server.token]
        assert file.exists()
    assert server.process.returncode == 130
    assert not file.parent.exists()


def test_a_browser_that_comes_from_the_file_is_let_in_and_no_other_site(server):
    elsewhere = {"Cookie": None, "Sec-Fetch-Site": "cross-site"}
    status, headers, text = server.ask("GET", f"/?token={server.token}", **elsewhere)
    assert (status, 'url=/"' in text) == (200, True)
    assert "samesite=strict" in headers["set-cookie"].lower()
    for path in ("/?token=wrong", f"/row?id=run_a:1&token={server.token}", "/row?id=run_a:1"):
        assert server.ask("GET", path, **elsewhere)[0] == 403
    assert server.ask("POST", f"/record?token={server.token}", GOOD, **elsewhere)[0] == 403
    assert server.ask("GET", f"/?token={server.token}", Origin="http://evil.example", **elsewhere)[0] == 403
    assert server.ask("GET", "/row?id=run_a:1", **{"Sec-Fetch-Site": "cross-site"})[0] == 403


@pytest.mark.browser
def test_a_browser_arrives_at_the_first_row_by_way_of_the_file(folder, tmp_path):
    with serving_with_browser(folder, tmp_path) as (server, seen), chromium() as browser:
        page = browser.new_page()
        page.goto(seen["arguments"][0])
        page.wait_for_url(f"http://{server.host}/row?id=*", timeout=20_000)
        assert server.token not in page.url
