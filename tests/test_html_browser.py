"""The report's page in a real browser: links, map, search, filters; by keyboard; light and dark; desk and phone."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from builders import failing, row, write_comparison, write_run
from pages import chromium
from test_html import HOSTILE

from pipeline import analyze
from pipeline.export.formats import page as html
from pipeline.report.text import visible

pytestmark = pytest.mark.browser

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


LEDGER_ALONE = re.compile("[?&](root|secondary)=")


def expect(page, count):
    """Wait until the row browser says how many rows there are."""
    page.locator("#count", has_text=re.compile(f"^{count}$")).wait_for()


def lines_of(command, folder):
    """Run a command that the page shows as a reader would, and count the rows that it gives."""
    if command.startswith("select "):
        duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed: make setup")
        with duckdb.connect(config={"file_search_path": str(folder)}) as connection:
            return len(connection.execute(command).fetchall())
    jq = shutil.which("jq") or pytest.skip("no jq here to try the packet's filters; all else holds")
    (program,) = shlex.split(command)[1:-1]
    done = subprocess.run([jq, "-c", program, folder / shlex.split(command)[-1]], capture_output=True, check=True)
    return done.stdout.count(b"\n")


@pytest.mark.parametrize("name", ["reviewed", "unreviewed"])
def test_every_link_shows_as_many_rows_as_it_says_and_its_command_gives_the_same(visit, request, name):
    folder = request.getfixturevalue(name)
    found = visit(folder).evaluate(FOLLOW_EVERY_LINK)
    assert len(found) > 100
    commands = {}
    for words, count, command, href in found:
        number = int(words.split("/")[0].split()[0])
        assert int(count.split()[0]) == number, (href, words, count)
        assert command or href == "#rows?"
        if command and not LEDGER_ALONE.search(href):
            commands[command] = number
    assert len(commands) > 20
    for command, number in commands.items():
        assert lines_of(command, folder) == number, command


@pytest.mark.parametrize("name", ["reviewed", "unreviewed"])
def test_beyond_the_budget_every_link_s_command_gives_as_many_rows_as_it_says(
    visit, request, name, tmp_path, monkeypatch
):
    ledger = request.getfixturevalue(name) / "reviews.jsonl"
    monkeypatch.setattr(html, "BUDGET", 0)  # after the fixture, which others share, is made
    comparison = "clinic_three_models" if name == "reviewed" else "library_repeats"
    out = tmp_path / "out"
    out.mkdir()
    if ledger.exists():
        (out / "reviews.jsonl").write_bytes(ledger.read_bytes())
    analyze(SAMPLES / "comparisons" / comparison, output=out)
    page = visit(out)
    assert re.fullmatch(r"The \d+ failed rows are in failure_review_rows.jsonl.", page.locator("#count").inner_text())
    found = page.evaluate(FOLLOW_EVERY_LINK)
    assert len(found) > 100
    kinds = set()
    for words, count, command, href in found:
        number = int(words.split("/")[0].split()[0])
        if href == "#rows?":
            assert f"{number} failed row" in count
            continue
        assert count == "The rows that this filter means are not in this file."
        kinds.add(command.split()[0])
        rows = lines_of(command, out)
        assert rows >= number if LEDGER_ALONE.search(href) else rows == number, (href, command)
    assert kinds == {"jq", "select"}
    if name == "reviewed":
        page.locator("a[href*='&root=']").first.click()
        assert "only reviews.jsonl tells" in page.locator("#packet").inner_text()


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
    assert "Turn 999 is not in the heat map" in page.locator("#no-turn").inner_text()
    assert page.locator("#chips button").inner_text().startswith("turn: 999")
    assert "No row fits" in page.locator("#list").inner_text()


def test_a_turn_that_the_map_leaves_out_shows_its_failed_rows(visit, tmp_path):
    runs = [
        write_run(tmp_path / "bench" / f"run_{n}", [row(t, {"d": t % 9 > n}, model_name=f"m{n}") for t in range(1200)])
        for n in range(6)
    ]
    analyze(write_comparison(tmp_path / "cmp", runs), output=tmp_path / "out")
    page = visit(tmp_path / "out")
    shown = {int(each) for each in page.locator("table.heat thead span").all_inner_texts()}
    links = page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#turns?\"]')].map((each) => each.getAttribute('href'))"
    )
    asked = next(href for href in links if int(href.rpartition("=")[2]) not in shown)
    page.locator(f'a[href="{asked}"]').first.click()
    turn = int(asked.rpartition("=")[2])
    expect(page, f"{6 - turn % 9} of {len(packet_of(tmp_path / 'out'))} failed rows")
    assert f"Turn {turn} is not in the heat map; its failed rows are below" in page.locator("#no-turn").inner_text()
    page.get_by_role("button", name="Clear").click()
    page.locator("#no-turn").wait_for(state="hidden")


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
    page.locator("details.row").first.locator(".inside").wait_for()
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


@pytest.mark.parametrize(
    ("asked", "chip", "count"),
    [
        ("turn=2001", "turn: 2001", 1),
        ("model=nobody", "model: nobody", 0),
        ("benchmark=elsewhere", "benchmark: elsewhere", 0),
        ("state=unopened", None, 2002),
    ],
)
def test_a_value_that_its_field_does_not_offer_can_be_seen_and_removed(visit, tmp_path, asked, chip, count):
    run = write_run(tmp_path / "bench" / "run_a", [failing(turn) for turn in range(2002)])
    analyze(run_dir=run, output=tmp_path / "out")
    page = visit(tmp_path / "out")
    page.evaluate("(hash) => { location.hash = hash; }", f"#rows?{asked}")
    expect(page, f"{count} of 2002 failed rows")
    assert page.locator("#chips li").count() == (chip is not None)
    if chip:
        page.get_by_role("button", name=f"Remove the filter {chip}").click()
        expect(page, "2002 of 2002 failed rows")


@pytest.mark.parametrize(("outcome", "words"), [("any", "failed or not"), ("incomplete", "not failed")])
def test_the_count_says_whether_its_rows_failed(visit, reviewed, outcome, words):
    page = visit(reviewed)
    page.evaluate("(hash) => { location.hash = hash; }", f"#rows?outcome={outcome}")
    expect(page, rf"\d+ rows?, {words}")


def test_back_to_no_filter_clears_the_filters(visit, reviewed):
    page = visit(reviewed)
    everything = page.locator("#count").inner_text()
    page.locator("main a[href^='#rows?benchmark=']").first.click()
    assert page.locator("#count").inner_text() != everything
    page.go_back()
    expect(page, everything)


@pytest.mark.parametrize("turn", [2**53, 2**53 + 1, 2**63 - 1])
def test_turns_that_a_browser_would_round_are_exact(visit, tmp_path, turn):
    rows = [failing(turn, user_text="this"), failing(turn - 1, user_text="before")]
    others = [
        row(turn, model_name="b", assistant_text="right"),
        row(turn - 1, model_name="b", assistant_text="not this"),
    ]
    runs = [write_run(tmp_path / "bench" / f"run_{n}", each) for n, each in enumerate((rows, others))]
    comparison = write_comparison(tmp_path / "cmp", runs)
    analyze(comparison, output=tmp_path / "out")
    page = visit(tmp_path / "out")
    page.evaluate("(hash) => { location.hash = hash; }", f"#turns?benchmark=bench&turn={turn}")
    page.locator("#panel-0", has_text=f"Turn {turn}:").wait_for()
    assert "this" in page.locator("#panel-0 .said").first.inner_text()
    page.evaluate("(hash) => { location.hash = hash; }", f"#rows?turn={turn}")
    expect(page, "1 of 2 failed rows")
    assert lines_of(page.locator("#packet code").inner_text(), tmp_path / "out") == 1
    page.locator("details.row summary").click()
    page.locator("details.row .others", has_text="right").wait_for()
    assert "not this" not in page.locator("details.row .inside").inner_text()
    assert page.locator(f"details.point[data-turn='{turn}'] .others, details.point .others").count()


def test_names_with_hidden_characters_lead_to_their_rows_and_are_never_raw(visit, tmp_path, monkeypatch):
    names = ["a\u200bb", "a\\u200bb", "c\u202ed", "e\r\nf", "g\x00h", "i\U000e0041\x7fj", "k'l\t  \"m\\"]
    runs = [
        write_run(tmp_path / "bench" / f"run_{n}", [row(t, {name: t >= n + 1}, model_name=name) for t in range(9)])
        for n, name in enumerate(names)
    ]
    comparison = write_comparison(tmp_path / "cmp", runs)
    analyze(comparison, output=tmp_path / "held")
    monkeypatch.setattr(html, "BUDGET", 0)
    analyze(comparison, output=tmp_path / "not")
    for folder in (tmp_path / "held", tmp_path / "not"):
        text = (folder / "deep_error_analysis.html").read_bytes().decode()
        assert visible(text) == text
        assert json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])["maps"][0]["models"] == names
        page = visit(folder)
        found = page.evaluate(FOLLOW_EVERY_LINK)
        for words, count, command, href in found:
            number = int(words.split("/")[0].split()[0])
            assert folder.name == "not" or int(count.split()[0]) == number, (href, words, count)
            assert visible(command) == command
            if command:
                assert lines_of(command, folder) == number, command
        for name in names:
            page.evaluate(
                "(hash) => { location.hash = hash; }", f"#rows?model={quote(name, safe='')}&outcome=any&turn=0"
            )
            command = page.locator("#packet code").inner_text()
            assert command.startswith("select") or folder.name == "held"
            assert lines_of(command, folder) == 1, command
        seen = page.evaluate("""() => [...document.querySelectorAll("*:not(option)")]
            .flatMap((each) => [...each.attributes].map((attribute) => attribute.value))
            .concat(document.body.innerText)
            .join(" ")""")
        assert visible(seen) == seen
        point = page.locator("details.point").first
        assert point.locator(".others article").count() == 5


def test_what_is_hidden_is_the_same_in_the_browser_and_in_python(browser):
    source = (Path(html.__file__).parent / "files" / "text.js").read_text()
    lines = "\n".join(re.findall(r"^const (?:HIDDEN|codePoint|SHORT|writtenOut|visible) = .*$", source, re.MULTILINE))
    page = browser.new_page()
    every = [code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
    shown = page.evaluate(
        f"""(codes) => {{
            {lines}
            return codes.map((c) => String.fromCodePoint(c)).filter((c) => visible(c) !== c).map(visible);
        }}""",
        every,
    )
    assert shown == [visible(chr(code)) for code in every if visible(chr(code)) != chr(code)]
    assert page.evaluate(f"() => {{ {lines}\n return visible('a\\r\\nb\\rc'); }}") == visible("a\r\nb\rc")
    page.close()


@pytest.fixture(scope="module")
def many_models(tmp_path_factory):
    """Thirty models on forty turns: every third model fails every turn."""
    folder = tmp_path_factory.mktemp("many")
    said = {"tool_calls": [{"name": "look", "args": {}}]}
    runs = [
        write_run(
            folder / "bench" / f"run_{n:02}",
            [row(t, {"d": n % 3 > 0}, model_name=f"model-{n:02}", **said) for t in range(40)],
        )
        for n in range(30)
    ]
    analyze(write_comparison(folder / "cmp", runs), output=folder / "out")
    return folder / "out"


def test_beside_a_datapoint_stand_a_few_of_many_models_and_the_rest_on_request(visit, many_models):
    page = visit(many_models)
    assert page.evaluate("document.querySelectorAll('*').length") < 20_000
    point = page.locator("details.point[open]").first
    names = point.locator(".others article strong").all_inner_texts()
    assert names == ["model-01", "model-02", "model-04", "model-05", "model-07"]
    point.get_by_role("button", name="24 more").click()
    names = point.locator(".others article strong").all_inner_texts()
    assert len(names) == 29
    assert names[20] == "model-03"
    assert "model-08" in page.evaluate("document.activeElement.innerText")
    assert page.locator("#panel-0 article").count() == 30
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert point.locator(".others article:visible").count() == 3
    assert not point.locator(".others .payload:visible").count()
    assert point.locator("article.own .payload pre").first.is_visible()


def test_the_map_scrolls_in_itself_with_its_turns_and_models_in_sight(visit, many_models):
    page = visit(many_models, width=900, height=600)
    box = page.locator(".map")
    assert box.bounding_box()["height"] <= 0.7 * 600 + 1
    assert "right" in box.get_attribute("class").split()
    assert "below" in box.get_attribute("class").split()
    box.evaluate("(each) => each.scrollTo(each.scrollWidth, each.scrollHeight)")
    page.locator(".map:not(.right, .below)").wait_for()
    top, left = box.bounding_box()["y"], box.bounding_box()["x"]
    assert abs(page.locator(".heat thead th").last.bounding_box()["y"] - top) < 4
    assert abs(page.locator(".heat tbody th").last.bounding_box()["x"] - left) < 4


def test_the_legend_explains_what_occurs(visit, reviewed, unreviewed):
    def legend(folder):
        return (
            visit(folder)
            .locator(".legend li .key")
            .evaluate_all("(all) => all.map((each) => each.className.slice(-1)).join('')")
        )

    def occur(folder):
        cells = (
            visit(folder).locator("table.heat td").evaluate_all("(all) => all.map((each) => each.className).join('')")
        )
        return "".join(letter for letter in "pfkgn" if letter in cells or letter in "pf")

    assert legend(reviewed) == occur(reviewed) != legend(unreviewed) == occur(unreviewed)


def test_datapoints_stand_beside_what_the_others_answered(visit, reviewed):
    page = visit(reviewed)
    point = page.locator("details.point").nth(1)
    assert point.get_attribute("open") is None
    point.locator("summary").first.click()
    point.locator(".others").wait_for()
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
    assert "5 failed rows are in failure_review_rows.jsonl" in page.locator("#count").inner_text()
    page.locator("main a[href^='#rows?']", has_text="5/5").first.click()
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


def test_a_tentative_label_names_the_next_mode_in_list_and_panel_until_it_is_reviewed(reviewed, visit):
    packet = packet_of(reviewed)
    tentative = [each["row_id"] for each in packet if each["error_mode_confidence"] == "tentative"]
    page = visit(reviewed)
    page.evaluate("location.hash = '#rows?confidence=tentative'")
    page.wait_for_function(f"document.getElementById('count').textContent.startsWith('{len(tentative)} of ')")
    assert page.locator("#list .row .id").all_text_contents() == tentative
    for summary in page.locator("#list .row > summary").all():
        settled = summary.locator(".tag.state", has_text="decided").count()
        marks = summary.locator("em.tentative").all_text_contents()
        assert len(marks) == 1 - settled
        assert all(re.fullmatch(r"or [a-z ]+ \(tentative\)", mark) for mark in marks)
    assert page.locator("#list em.tentative").count() > 0
    assert "error_mode_confidence" in page.locator("#packet").text_content()
    marked = page.locator("#list .row", has=page.locator("em.tentative")).locator(".id").first.text_content()
    page.evaluate("location.hash = '#rows?confidence=firm'")
    firm = len(packet) - len(tentative)
    page.wait_for_function(f"document.getElementById('count').textContent.startsWith('{firm} of ')")
    assert page.locator("#list em.tentative").count() == 0
    (row,) = (each for each in packet if each["row_id"] == marked)
    page.evaluate(f"location.hash = '#turns?benchmark={row['benchmark_name']}&turn={row['turn']}'")
    page.wait_for_function(f"document.querySelector('.panel .line').textContent.startsWith('Turn {row['turn']}:')")
    own = page.locator(".panel .answer", has=page.get_by_text(row["model_name"], exact=True))
    assert own.locator("em.tentative").count() == 1
