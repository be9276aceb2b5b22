"""The review page without a browser: who may talk to it, what it writes, and that nothing acknowledged is lost."""

from __future__ import annotations

import fcntl
import html
import json
import os
import re
import signal

import pytest
from builders import failing, row, write_comparison, write_run
from pages import serving

from pipeline.review.serve.pages import tools
from pipeline.review.serve.security import cookie_name

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">\u202egnp.exe'
BOT = ("--reviewer", "bot", "--reviewer-kind", "agent")


@pytest.fixture
def folder(cli, tmp_path):
    said = {"judge_reasoning": f"It forgot the name. {HOSTILE}", "user_text": HOSTILE}
    a = write_run(tmp_path / "in" / "bench" / "run_a", [row(0), failing(1, **said), failing(2), row(3)])
    rows = [row(0), failing(1, **said), row(2), failing(3)]
    b = write_run(tmp_path / "in" / "bench" / "run_b", [each | {"model_name": "model-b"} for each in rows])
    done = cli("analyze", "--comparison-dir", write_comparison(tmp_path / "in" / "cmp", [a, b]), "--output", "out")
    assert done.returncode == 0, done.stderr
    return tmp_path / "out"


@pytest.fixture
def server(folder):
    with serving(folder) as server:
        yield server


def events(folder):
    return [json.loads(line) for line in (folder / "reviews.jsonl").read_text().splitlines()]


def decision(**fields):
    return {"row_id": "run_a:1", "bucket": "state_memory_failure", "attribution": "model"} | fields


# --- Who may talk to it ----------------------------------------------------------------------------------------


def test_without_the_token_nothing_is_shown_or_written(server, folder):
    for headers in ({"Cookie": None}, {"Cookie": "review_token_x=wrong"}):
        assert server.ask("GET", "/row?id=run_a:1", **headers)[0] == 403
        assert server.ask("POST", "/record", decision(), **headers)[0] == 403
    assert not (folder / "reviews.jsonl").exists()


def test_the_first_address_puts_the_token_into_a_strict_cookie(server):
    status, headers, _ = server.ask("GET", f"/?token={server.token}", Cookie=None)
    cookie = headers["set-cookie"].lower()
    assert (status, headers["location"]) == (303, "/")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.168.0.9", ""])
def test_another_host_is_refused(server, host):
    assert server.ask("GET", "/row?id=run_a:1", Host=host)[0] in {400, 421}


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1:8888", "[::1]:9"])
def test_any_loopback_name_and_port_is_answered_for_forwarding(server, host):
    assert server.ask("GET", "/row?id=run_a:1", Host=host)[0] == 200
    assert server.ask("POST", "/record", decision(), Host=host, Origin=f"http://{host}")[0] in {303, 422}


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost"])
def test_another_origin_writes_nothing(server, folder, origin):
    server.ask("GET", "/row?id=run_a:1")
    assert server.ask("POST", "/record", decision(), Origin=origin)[0] == 403
    assert server.ask("POST", "/record", decision(), **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert [event["event"] for event in events(folder)] == ["opened"]


def test_a_cookie_of_another_launch_locks_nobody_out(server):
    with_old = {"Cookie": f"review_token=old; review_token_12345678=old; {cookie_name('x')}=x"}
    status, headers, _ = server.ask("GET", f"/?token={server.token}", **with_old)
    assert status == 303
    assert headers["set-cookie"].startswith(f"{cookie_name(server.token)}={server.token};")
    assert server.ask("GET", f"/?token={server.token}", Cookie=f"{cookie_name(server.token)}=stale")[0] == 303
    assert server.ask("GET", "/?token=wrong", **with_old)[0] == 403


@pytest.mark.parametrize("origin", ["http://[::1", "http://", "//", "\\"])
def test_an_origin_that_is_no_address_is_refused(server, origin):
    status, headers, _ = server.ask("GET", "/state", Origin=origin)
    assert status == 403
    assert "content-security-policy" in headers


def test_every_answer_forbids_scripts_of_others(server):
    for path in ("/row?id=run_a:1", "/findings", "/static/review.js", "/state", "/nowhere", "/row?id=x:1"):
        _, headers, _ = server.ask("GET", path)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        kept = headers["cache-control"].startswith("private")
        assert kept if path.startswith("/static") else headers["cache-control"] == "no-store"


def test_it_listens_on_the_loopback_address_only(server):
    port = int(server.host.rpartition(":")[2])
    with open(f"/proc/{server.process.pid}/net/tcp", encoding="ascii") as table:  # noqa: PTH123 - a file of the kernel
        lines = [line.split()[1] for line in table.read().splitlines()[1:] if line.split()[3] == "0A"]
    assert [address for address in lines if address.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


# --- What it shows and writes ----------------------------------------------------------------------------------


def test_hostile_text_is_shown_inert(server):
    _, _, text = server.ask("GET", "/row?id=run_a:1")
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "\u202e" not in text


def test_a_decision_is_saved_as_the_command_saves_it_and_the_next_row_comes(server, folder):
    server.ask("GET", "/row?id=run_a:1")
    fields = decision(
        secondary=[], note="Why.\r\nSo.", quote="It forgot the name.", other_bucket="incomplete_correction"
    )
    status, headers, _ = server.ask("POST", "/record", fields)
    assert status == 303
    assert headers["location"].startswith("/row?id=")
    assert "run_a%3A1" not in headers["location"].partition("&")[0]
    event = events(folder)[-1]
    assert (event["bucket"], event["note"], event["quote"]) == (
        "incomplete_correction",
        "Why.\nSo.",
        "It forgot the name.",
    )
    assert (event["reviewer"], event["reviewer_kind"]) == ("ann", "human")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"bucket": "state_memory"}, "did you mean"),
        ({"attribution": "modell"}, "did you mean"),
        ({"quote": "not there"}, "the quote is in none"),
        ({"row_id": "run_a:2"}, "has not opened"),
        ({"evidence_digest": "0" * 64}, "is not what was decided on"),
        ({"note": "x", "bucket": ""}, "none was chosen"),
    ],
)
def test_a_wrong_decision_is_shown_with_what_was_filled_in_and_nothing_is_written(server, folder, fields, said):
    server.ask("GET", "/row?id=run_a:1")
    status, _, text = server.ask("POST", "/record", decision(**fields))
    assert status == 422
    assert "Not saved." in text
    assert said in text
    assert [event["event"] for event in events(folder) if event["event"] == "decision"] == []


def test_defer_undo_describe_bucket_and_report(server, folder):
    assert server.ask("POST", "/defer", {"row_id": "run_b:3"})[0] == 303
    for row_id in ("run_a:1", "run_a:2", "run_b:1", "run_b:3"):
        server.ask("GET", f"/row?id={row_id}")
        assert server.ask("POST", "/record", decision(row_id=row_id))[0] == 303
    assert server.ask("POST", "/undo", {})[1]["location"].startswith("/row?id=run_b%3A3")
    server.ask("POST", "/record", decision(row_id="run_b:3"))
    text = {"what_goes_wrong": "It forgets.", "triggers": "Names.", "bucket": "state_memory_failure"}
    assert server.ask("POST", "/report", {"final": "yes"})[0] == 422
    for model, rows in (("model-a", ["run_a:1"]), ("model-b", ["run_b:1", "run_b:3"])):
        assert server.ask("POST", "/describe", {**text, "model": model, "row": rows})[0] == 303
    assert server.ask("POST", "/describe", {**text, "model": "model-a", "row": ["run_b:1"]})[0] == 422
    names = {"name": "lost_name", "description": "A name is lost.", "parent": "state_memory_failure"}
    assert server.ask("POST", "/bucket", names)[0] == 303
    status, headers, _ = server.ask("POST", "/report", {"final": "yes"})
    assert (status, "said=wrote" in headers["location"]) == (303, True)
    assert json.loads((folder / "analysis.json").read_text())["status"] == "final"


def test_a_row_that_is_not_there_and_filters_that_fit_nothing(server):
    assert server.ask("GET", "/row?id=run_a:99")[0] == 404
    assert server.ask("GET", "/row?id=nonsense")[0] == 404
    assert server.ask("GET", "/?state=disputed")[1]["location"] == "/done?state=disputed"
    assert "No row waits" in server.ask("GET", "/done?state=disputed")[2]
    assert server.ask("GET", "/?turn=x&model=nobody")[1]["location"] == "/done?model=nobody"
    assert server.ask("GET", "/static/app.py")[0] == 404
    assert server.ask("GET", "/record")[0] == 405


def test_the_page_shows_what_another_writer_has_just_recorded(server, cli):
    before = json.loads(server.ask("GET", "/state")[2])
    assert cli("review", "show", "out", "run_a:1", *BOT).returncode == 0
    options = ("--bucket", "other", "--attribution", "grader", "--note", "Seen by the other.")
    assert cli("review", "record", "out", "run_a:1", *options, *BOT).returncode == 0
    after = json.loads(server.ask("GET", "/state")[2])
    assert after["writes"] == before["writes"] + 1
    assert after["decided"] == 1
    assert "Seen by the other." in server.ask("GET", "/row?id=run_a:1")[2]


def test_blind_hides_the_verdict_until_the_decision_is_in(folder):
    with serving(folder, "ann", "human", "--blind") as server:
        text = server.ask("GET", "/row?id=run_a:1")[2]
        assert "It forgot the name" not in text
        assert "The rules guess" not in text
        server.ask("POST", "/record", decision())
        assert "It forgot the name" in server.ask("GET", "/row?id=run_a:1")[2]


def test_blind_tells_nothing_beside_the_row_either(cli, folder):
    assert cli("review", "show", "out", "run_a:2", *BOT).returncode == 0
    options = ("--bucket", "other", "--attribution", "model")
    assert cli("review", "record", "out", "run_a:2", *options, *BOT).returncode == 0
    with serving(folder, "ann", "human", "--blind") as server:
        text = server.ask("GET", "/row?id=run_b:3")[2]
        queue = text[text.index('class="rows"') : text.index("</nav>", text.index('class="rows"'))]
        assert set(re.findall(r'<li class="(\w+)"', queue)) == {"unopened"}
        assert 'name="bucket"><option' not in text
        assert 'name="dimension"' not in text
        assert 'name="state"' not in text
        assert server.ask("GET", "/?bucket=other&dimension=tool_use_correct")[1]["location"].startswith("/row?id=")
        assert server.ask("GET", "/findings")[0] == 403


def test_a_review_ends_when_every_failed_row_is_decided(server):
    seen = []
    _, headers, _ = server.ask("GET", "/")
    while headers["location"].startswith("/row") and len(seen) < 40:
        text = server.ask("GET", headers["location"])[2]
        seen.append(re.search(r'data-row="([^"]*)"', text)[1])
        status, headers, _ = server.ask("POST", "/record", decision(row_id=seen[-1], bucket="other"))
        assert status == 303
    assert {"run_a:1", "run_a:2", "run_b:1", "run_b:3"} <= set(seen)
    assert len(seen) <= 6
    assert headers["location"].startswith("/done")


def test_a_review_ends_although_another_reviewer_differs(server, cli):
    for row_id in ("run_a:1", "run_a:2", "run_b:1", "run_b:3"):
        assert cli("review", "show", "out", row_id, *BOT).returncode == 0
        done = cli("review", "record", "out", row_id, "--bucket", "empty_response", "--attribution", "grader", *BOT)
        assert done.returncode == 0
        server.ask("GET", f"/row?id={row_id}")
        _, headers, _ = server.ask("POST", "/record", decision(row_id=row_id, bucket="other"))
    assert "disputed" in headers["location"]
    assert headers["location"].startswith("/done")
    assert server.ask("GET", "/")[1]["location"].startswith("/done")


def test_a_decision_that_is_opened_again_keeps_what_was_filled_in(server):
    text = server.ask("GET", "/row?id=run_a:1")[2]
    server.ask("POST", "/record", decision(note="Why.", attribution="mixed"))
    text = server.ask("GET", "/row?id=run_a:1")[2]
    assert "Why.</textarea>" in text
    assert 'value="mixed" checked' in text
    assert 'value="state_memory_failure" data-key="4" checked' in text


def test_secondary_dimensions_are_shown_again(cli, tmp_path):
    scores = {"a": False, "b": False}
    run = write_run(tmp_path / "bench" / "run_a", [row(0, scores), row(1, scores)])
    assert cli("analyze", "--run-dir", run, "--output", "out").returncode == 0
    with serving(tmp_path / "out") as server:
        server.ask("GET", "/row?id=run_a:0")
        assert server.ask("POST", "/record", decision(row_id="run_a:0", secondary="b"))[0] == 303
        text = server.ask("GET", "/row?id=run_a:0")[2]
        assert 'name="secondary" value="b" checked' in text
        assert 'name="secondary" value="a" checked' not in text


def test_an_adjudicated_row_can_be_adjudicated_again_and_the_page_says_what_counts(server, cli):
    assert cli("review", "show", "out", "run_a:1", *BOT).returncode == 0
    options = ("--bucket", "other", "--attribution", "grader")
    assert cli("review", "record", "out", "run_a:1", *options, *BOT).returncode == 0
    server.ask("GET", "/row?id=run_a:1")
    assert server.ask("POST", "/record", decision(adjudicate="yes"))[0] == 303
    assert 'name="adjudicate"' in server.ask("GET", "/row?id=run_a:1")[2]
    _, headers, _ = server.ask("POST", "/record", decision(bucket="other"))
    assert "an+adjudication+settles+this+row" in headers["location"]


def test_undo_takes_back_that_a_row_was_put_off(server):
    server.ask("GET", "/row?id=run_a:1")
    server.ask("POST", "/record", decision())
    server.ask("POST", "/defer", {"row_id": "run_b:3"})
    _, headers, _ = server.ask("POST", "/undo", {})
    assert "run_b%3A3+was+put+off" in headers["location"]
    _, headers, _ = server.ask("POST", "/undo", {})
    assert "the+decision+on+run_a%3A1" in headers["location"]


def test_a_quote_selected_from_what_the_page_shows_is_the_rows_own(cli, tmp_path):
    calls = [{"name": "book", "args": {"room": "Größe", "list": list(range(60)), "hidden": "a\u202eb"}}]
    run = write_run(tmp_path / "bench" / "run_a", [failing(0, tool_calls=calls, assistant_text="x \u202egnp.exe y")])
    assert cli("analyze", "--run-dir", run, "--output", "out").returncode == 0
    with serving(tmp_path / "out") as server:
        text = server.ask("GET", "/row?id=run_a:0")[2]
        shown = html.unescape(re.search(r"<pre>(.*?)</pre>", text, re.DOTALL)[1])
        for quote in (shown, shown[:40], "x \\u202egnp.exe", "list"):
            status, _, answer = server.ask("POST", "/record", decision(row_id="run_a:0", quote=quote))
            assert status == 303, answer
        assert server.ask("POST", "/record", decision(row_id="run_a:0", quote="not there"))[0] == 422
    kept = [event["quote"] for event in events(tmp_path / "out") if event["event"] == "decision"]
    assert kept[2] == "x \u202egnp.exe"
    assert cli("report", "out", "--verify").returncode in {0, 4}


def test_results_stand_with_the_calls_of_their_name():
    calls = [{"name": "a", "args": 1}, {"name": "b", "args": 2}, {"name": "a", "args": 3}]
    results = [{"name": "b", "response": 20}, {"name": "a", "response": 10}, {"name": "z", "response": None}]
    shown = [
        (pair["call"] and pair["call"]["text"], pair["result"] and (pair["result"]["name"], pair["result"]["text"]))
        for pair in tools({"tool_calls": calls, "tool_results": results})
    ]
    assert shown == [("1", ("a", "10")), ("2", ("b", "20")), ("3", None), (None, ("z", "null"))]


def test_an_analysis_that_is_replaced_under_the_page_is_read_anew(server, cli, tmp_path):
    text = server.ask("GET", "/row?id=run_a:1")[2]
    digest = re.search(r'name="evidence_digest" value="(\w+)"', text)[1]
    judged = tmp_path / "in" / "bench" / "run_a" / "openai_judged.jsonl"
    judged.write_text(judged.read_text().replace("It forgot the name.", "It forgot the name and more besides."))
    assert cli("analyze", "--comparison-dir", tmp_path / "in" / "cmp", "--output", "out").returncode == 0
    status, _, text = server.ask("POST", "/record", decision(evidence_digest=digest))
    assert (status, "is not what was decided on" in text) == (422, True)
    for row_id in ("run_a:1", "run_a:2", "run_b:3"):
        assert server.ask("GET", f"/row?id={row_id}")[0] == 200
    assert "and more besides" in server.ask("GET", "/row?id=run_a:1")[2]
    assert server.ask("POST", "/record", decision())[0] == 303


def test_a_turn_of_thousands_of_digits_is_no_turn(server):
    assert server.ask("GET", f"/?turn={'9' * 5000}")[0] == 303


# --- Nothing acknowledged is lost ------------------------------------------------------------------------------


def test_a_killed_server_loses_nothing_and_the_next_one_goes_on(folder):
    with serving(folder) as server:
        server.ask("GET", "/row?id=run_a:1")
        assert server.ask("POST", "/record", decision())[0] == 303
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(10)
    assert [event["event"] for event in events(folder)] == ["opened", "decision"]
    with serving(folder) as server:
        _, headers, _ = server.ask("GET", "/")
        assert "run_a%3A1" not in headers["location"]
        assert "1 of 4 decided" in server.ask("GET", headers["location"])[2]


def test_a_write_that_fails_is_shown_and_can_be_repeated(server, folder):
    server.ask("GET", "/row?id=run_a:1")
    ledger = folder / "reviews.jsonl"
    ledger.rename(folder / "kept")
    ledger.mkdir()
    status, _, text = server.ask("POST", "/record", decision(note="Not to be lost."))
    assert status in {422, 500}
    assert "Not saved." in text or "Not done" in text
    ledger.rmdir()
    (folder / "kept").rename(ledger)
    assert server.ask("POST", "/record", decision(note="Not to be lost."))[0] == 303
    assert events(folder)[-1]["note"] == "Not to be lost."


def test_a_port_that_is_taken_and_a_folder_that_is_none_are_refused(cli, server, tmp_path):
    who = ("--reviewer", "ann", "--reviewer-kind", "human", "--no-browser")
    taken = cli("review", "serve", "out", "--port", server.host.rpartition(":")[2], *who)
    assert (taken.returncode, "cannot listen" in taken.stderr) == (2, True)
    nothing = cli("review", "serve", tmp_path / "in", *who)
    assert (nothing.returncode, "not an analysis folder" in nothing.stderr) == (2, True)


@pytest.mark.slow
def test_a_ledger_that_another_process_holds_is_said_and_waited_for(server, folder):
    server.ask("GET", "/row?id=run_a:1")
    with (folder / "reviews.jsonl").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        status, _, text = server.ask("POST", "/record", decision(note="Not to be lost."))
    assert (status, "another process holds it" in text, "Not to be lost." in text) == (422, True, True)
    assert server.ask("POST", "/record", decision(note="Not to be lost."))[0] == 303
