"""The report's page in a real browser: links, map, search, filters; by keyboard; light and dark; desk and phone."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from builders import failing, row, write_comparison, write_run
from pages import chromium
from test_html import HOSTILE

from pipeline import analyze
from pipeline.formats import html

SAMPLES = Path(__file__).parents[1] / "data_samples"


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    """The clinic sample with half of its ledger, so that rows are in every state that a link can ask for."""
    out = tmp_path_factory.mktemp("reviewed") / "out"
    out.mkdir()
    lines = (SAMPLES / "reviews" / "clinic_three_models" / "reviews.jsonl").read_bytes().splitlines(keepends=True)
    (out / "reviews.jsonl").write_bytes(b"".join(lines[: len(lines) // 2]))
    analyze(SAMPLES / "comparisons" / "clinic_three_models", output=out)
    return out


@pytest.fixture(scope="module")
def unreviewed(tmp_path_factory):
    out = tmp_path_factory.mktemp("unreviewed") / "out"
    analyze(SAMPLES / "comparisons" / "library_repeats", output=out)
    return out


@pytest.fixture
def visit(browser):
    """Open a page in a window of its own; whatever it says in the console fails the test."""
    contexts, heard = [], []

    def open_page(folder, width=1280, height=900, scheme="light", **more):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **more)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("dialog", lambda dialog: heard.append(dialog.message))
        page.on("request", lambda request: heard.extend([] if request.url.startswith("file:") else [request.url]))
        page.goto((folder / "deep_error_analysis.html").as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not heard


def packet_of(folder):
    return [json.loads(line) for line in (folder / "failure_review_rows.jsonl").read_text().splitlines()]


FOLLOW_EVERY_LINK = """() => {
  const found = [];
  for (const each of document.querySelectorAll("a[href^='#rows?']")) {
    history.replaceState(null, "", each.getAttribute("href"));
    dispatchEvent(new HashChangeEvent("hashchange"));
    const command = document.querySelector("#packet code");
    const count = document.querySelector("#count").textContent;
    found.push([each.textContent.trim(), count, command ? command.textContent : "", each.getAttribute("href")]);
  }
  return found;
}"""


def expect(page, count):
    """Wait until the row browser says how many rows there are."""
    page.locator("#count", has_text=re.compile(f"^{count}$")).wait_for()


def lines_of(command, folder):
    """Run a filter of the packet as a reader would, and count what it gives."""
    jq = shutil.which("jq") or pytest.skip("no jq here to try the packet's filters; all else holds")
    (program,) = shlex.split(command)[1:-1]
    done = subprocess.run([jq, "-c", program, folder / shlex.split(command)[-1]], capture_output=True, check=True)
    return done.stdout.count(b"\n")


@pytest.mark.parametrize("name", ["reviewed", "unreviewed"])
def test_every_link_shows_as_many_rows_as_it_says_and_the_packet_filter_gives_the_same(visit, request, name):
    folder = request.getfixturevalue(name)
    found = visit(folder).evaluate(FOLLOW_EVERY_LINK)
    assert len(found) > 100
    commands = {}
    for words, count, command, href in found:
        number = int(words.split("/")[0].split()[0])
        assert int(count.split()[0]) == number, (href, words, count)
        if command:
            commands[command] = number
    assert len(commands) > 20
    for command, number in commands.items():
        assert lines_of(command, folder) == number, command


def test_the_map_by_keyboard(visit, unreviewed):
    page = visit(unreviewed)
    first = page.locator("table.heat td").first
    page.locator("table.heat td[tabindex='0']").focus()
    page.keyboard.press("Home")
    before = page.locator("#panel-0").inner_text()
    assert before.startswith("Turn 0:")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.locator("#panel-0").inner_text().startswith("Turn 1:")
    assert "plover-pro, turn 1" in page.locator("#live-0").inner_text()
    assert page.locator("table.heat td[aria-selected='true']").count() == 1
    assert page.evaluate("document.activeElement.tagName") == "TD"
    assert page.locator("table.heat td[tabindex='0']").count() == 1
    page.keyboard.press("End")
    assert page.locator("#panel-0").inner_text().startswith("Turn 19:")
    first.hover()
    title = first.get_attribute("title")
    assert "turn 0" in title
    assert "User: " in title
    assert "Answer: " in title


def test_a_turn_in_the_text_opens_the_map(visit, reviewed):
    page = visit(reviewed)
    page.locator("p", has_text="Failed by every").locator("a").first.click()
    turn = page.url.rpartition("turn=")[2]
    assert page.locator("#panel-0").inner_text().startswith(f"Turn {turn}:")
    user = next(each["user_text"] for each in packet_of(reviewed) if each["turn"] == int(turn))
    assert " ".join(user.split()) in " ".join(page.locator("#panel-0").inner_text().split())
    page.goto(page.url.replace(f"turn={turn}", "turn=999"))
    page.evaluate("dispatchEvent(new HashChangeEvent('hashchange'))")
    assert "Turn 999 is not in this map" in page.locator("#no-turn").inner_text()


def test_search_and_filters(visit, reviewed):
    page = visit(reviewed)
    packet = packet_of(reviewed)
    assert page.locator("#count").inner_text() == f"{len(packet)} of {len(packet)} failed rows"
    page.locator("#q").fill("Friday")
    expected = sum(
        "friday"
        in "\n".join(
            [
                each["user_text"],
                each["assistant_text"],
                each["judge_reasoning"],
                json.dumps(each["tool_calls"], ensure_ascii=False),
                json.dumps(each["tool_results"], ensure_ascii=False),
            ]
        ).lower()
        for each in packet
    )
    expect(page, f"{expected} of {len(packet)} failed rows")
    page.locator("#f-model").select_option("wren-large")
    both = page.locator("#count").inner_text()
    assert int(both.split()[0]) < expected
    assert "q=Friday" in page.url
    page.reload()
    assert page.locator("#count").inner_text() == both
    assert page.locator("#q").input_value() == "Friday"
    page.get_by_role("button", name="Clear").click()
    expect(page, f"{len(packet)} of {len(packet)} failed rows")
    assert page.locator("details.row").count() == 25
    page.locator("#more").click()
    assert page.locator("details.row").count() == len(packet)
    assert not page.locator("#more").is_visible()
    page.locator("details.row summary").first.click()
    opened = page.locator("details.row").first.inner_text()
    assert " ".join(packet[0]["judge_reasoning"].split()) in " ".join(opened.split())
    assert page.locator("details.row").first.locator(".others article").count() == 2


def test_a_filter_that_no_field_shows_can_be_seen_and_removed(visit, reviewed):
    page = visit(reviewed)
    page.goto(page.url.partition("#")[0] + "#rows?attribution=model")
    chip = page.get_by_role("button", name="Remove the filter attribution: model")
    before = int(page.locator("#count").inner_text().split()[0])
    chip.click()
    assert int(page.locator("#count").inner_text().split()[0]) > before
    assert page.locator("#chips li").count() == 0


def test_datapoints_stand_beside_what_the_others_answered(visit, reviewed):
    page = visit(reviewed)
    point = page.locator("details.point").nth(1)
    assert point.get_attribute("open") is None
    point.locator("summary").first.click()
    assert point.locator(".others article").count() == 2
    assert point.locator("article.own").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_serious_for_axe_and_nothing_hangs_over(visit, reviewed, scheme, width):
    run_axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe().run
    page = visit(reviewed, width=width, scheme=scheme, bypass_csp=True)
    page.locator("details.row summary").first.click()
    found = run_axe(page).response["violations"]
    serious = [
        (each["id"], [node["html"] for node in each["nodes"]][:3])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert not serious
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_hostile_texts_are_shown_and_do_nothing(cli, visit, tmp_path):
    said = {
        "user_text": HOSTILE,
        "assistant_text": HOSTILE,
        "judge_reasoning": HOSTILE,
        "tool_calls": [{"name": HOSTILE, "args": {HOSTILE: HOSTILE}}],
    }
    runs = [
        write_run(
            tmp_path / "bench" / f"run_{name}",
            [row(t, {HOSTILE[:40]: t % 2 == ok}, **said, model_name=name) for t in (0, 1)],
        )
        for ok, name in enumerate(["<b>m</b>", "n\u202e\" onmouseover=\"document.title='owned'"])
    ]
    done = cli("analyze", "--comparison-dir", write_comparison(tmp_path / "cmp", runs), "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    page = visit(tmp_path / "out")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    page.locator("details.row summary").first.click()
    for cell in page.locator("table.heat td").all():
        cell.hover()
        cell.click()
    page.locator("#q").fill("<img")
    page.wait_for_timeout(200)
    assert page.title().startswith("Deep error analysis")
    assert page.locator("main img, main b:not(.bar b)").count() == 0
    assert "<script>document.title='owned'</script>" in page.locator("#panel-0").inner_text()
    assert "\u202e" not in page.locator("body").inner_text()


def test_no_script_but_its_own_runs(browser, reviewed):
    page = browser.new_page()
    page.goto((reviewed / "deep_error_analysis.html").as_uri())
    page.evaluate("""() => {
      const added = document.createElement("script");
      added.textContent = "document.title = 'owned'";
      document.body.append(added);
    }""")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title = 1\">')")
    page.wait_for_timeout(100)
    assert page.title().startswith("Deep error analysis")
    page.close()


def test_on_paper_everything_is_open_and_nothing_needs_a_hand(visit, reviewed):
    page = visit(reviewed, width=800, scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("details.point:not([open])").count() == 0
    assert not page.locator("nav.contents").is_visible()
    assert not page.locator("#filters").is_visible()
    assert page.locator(".stamp").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details.point:not([open])").count() > 0


def test_without_a_script_the_report_can_be_read(visit, reviewed):
    page = visit(reviewed, java_script_enabled=False)
    assert "Without its script" in page.locator("noscript").inner_text()
    assert page.locator("table.heat td.f").count() > 0
    assert page.locator("details.point[open] .text").first.is_visible()


def test_beyond_the_budget_a_count_names_the_packets_filter(visit, tmp_path, monkeypatch):
    monkeypatch.setattr(html, "BUDGET", 0)
    rows = [failing(turn, assistant_text="it's wrong") for turn in range(5)]
    runs = [write_run(tmp_path / "bench" / "run's", rows)]
    analyze(write_comparison(tmp_path / "cmp", runs), output=tmp_path / "out")
    page = visit(tmp_path / "out")
    assert not page.locator("#filters").is_visible()
    page.locator("main a[href^='#rows?']", has_text="5/5").first.click()
    assert "5 failed rows are in failure_review_rows.jsonl" in page.locator("#count").inner_text()
    command = page.locator("#packet code").inner_text()
    assert lines_of(command, tmp_path / "out") == 5


@pytest.mark.parametrize("text", ["line\n" * 300, "word " * 3000, "x" * 5000, "short", "a b\n" * 13])
def test_a_long_text_is_folded_and_whole(visit, tmp_path, text):
    run = write_run(tmp_path / "bench" / "run_a", [failing(0, assistant_text=text, judge_reasoning=text)])
    analyze(run_dir=run, output=tmp_path / "out")
    page = visit(tmp_path / "out")
    page.locator("details.row summary").first.click()
    card = page.locator("details.row article.own")
    assert card.bounding_box()["height"] < 1500
    page.evaluate("document.querySelectorAll('details.rest').forEach((each) => { each.open = true; })")
    for place in (card.locator(".said").first, page.locator("#panel-0 .answer .said").first):
        shown = "".join(place.locator(".text").all_text_contents())
        assert "".join(shown.split()) == "".join(text.split())
