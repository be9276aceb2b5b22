"""The review page in a real browser: a whole review by keyboard alone, in light and dark, on a desk and a phone."""

from __future__ import annotations

import json

import pytest
from builders import failing, row, write_comparison, write_run
from pages import chromium, serving

pytestmark = pytest.mark.browser

HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> \u202egnp.exe"


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def folder(cli, tmp_path):
    long = [{"name": "find", "response": {"slots": ["Friday at nine"] * 60}}]
    said = {"judge_reasoning": f"It forgot the name and asked again. {HOSTILE}", "tool_results": long}
    a = write_run(tmp_path / "in" / "bench" / "run_a", [row(0), failing(1, **said), failing(2, **said), row(3)])
    rows = [row(0), failing(1, **said), row(2, assistant_text=HOSTILE), row(3)]
    b = write_run(tmp_path / "in" / "bench" / "run_b", [each | {"model_name": "model-b"} for each in rows])
    done = cli("analyze", "--comparison-dir", write_comparison(tmp_path / "in" / "cmp", [a, b]), "--output", "out")
    assert done.returncode == 0, done.stderr
    return tmp_path / "out"


@pytest.fixture
def visit(browser, folder):
    """Open the page in a window; whatever it says in the console fails the test."""
    with serving(folder) as server:
        contexts = []

        def open_page(width=1280, height=900, scheme="light"):
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            contexts.append(context)
            page = context.new_page()
            page.said = []
            page.on("console", lambda message: page.said.append(message.text))
            page.on("pageerror", lambda error: page.said.append(str(error)))
            page.on("dialog", lambda dialog: page.said.append(dialog.message))
            page.goto(server.address)
            return page

        yield open_page
        for context in contexts:
            context.close()


def decisions(folder):
    found = [json.loads(line) for line in (folder / "reviews.jsonl").read_text().splitlines()]
    return [event for event in found if event["event"] == "decision"]


def row_of(page):
    return page.locator("h1").inner_text()


def press(page, key):
    """Press a key that leads to another page, and wait for it."""
    with page.expect_navigation():
        page.keyboard.press(key)


def test_a_whole_review_by_keyboard_alone(visit, folder):
    page = visit()
    first = row_of(page)
    press(page, "j")
    assert row_of(page) != first
    press(page, "k")
    assert row_of(page) == first
    page.keyboard.press("4")
    page.keyboard.press("a")
    page.keyboard.press("a")
    page.keyboard.press("n")
    page.keyboard.type("jk 1 d: typed, not obeyed")
    page.keyboard.press("Escape")
    press(page, "Enter")
    (decision,) = decisions(folder)
    assert (decision["row_id"], decision["bucket"], decision["attribution"]) == (
        first,
        "state_memory_failure",
        "reference",
    )
    assert decision["note"] == "jk 1 d: typed, not obeyed"
    assert f"recorded {first}" in page.locator("#said").inner_text()
    press(page, "u")
    assert row_of(page) == first
    assert "took back" in page.locator("#said").inner_text()
    deferred = first
    press(page, "d")
    assert row_of(page) != deferred
    page.keyboard.press("b")
    page.keyboard.type("incomplete_correction")
    press(page, "Enter")
    assert decisions(folder)[-1]["bucket"] == "incomplete_correction"
    for _ in range(6):
        if "No row waits" in page.locator("h1").inner_text():
            break
        page.keyboard.press("4")
        press(page, "Enter")
    failed = {json.loads(line)["row_id"] for line in (folder / "failure_review_rows.jsonl").read_text().splitlines()}
    assert failed <= {decision["row_id"] for decision in decisions(folder)}
    page.get_by_role("link", name="Findings and gate").first.focus()
    press(page, "Enter")
    while page.locator("section.finding.missing").count():
        finding = page.locator("section.finding.missing").first
        finding.locator("textarea").nth(0).focus()
        page.keyboard.type("It forgets the name.")
        page.keyboard.press("Tab")
        page.keyboard.type("A name given early.")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        finding.locator("form button").focus()
        press(page, "Enter")
    page.get_by_role("button", name="Build the FINAL report").focus()
    press(page, "Enter")
    assert json.loads((folder / "analysis.json").read_text())["status"] == "final"
    assert page.said == []


def test_the_keys_are_shown_and_filters_are_reached(visit):
    page = visit()
    page.keyboard.press("?")
    assert page.locator("dialog#keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog#keys").is_visible()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "model"
    page.keyboard.type("model-b")
    page.keyboard.press("Escape")
    page.locator("#filters button").focus()
    press(page, "Enter")
    assert row_of(page) == "run_b:1"
    assert "model=model-b" in page.url


def test_selected_text_fills_the_quote_and_long_json_is_folded(visit, folder):
    page = visit()
    words = page.locator(".here mark").first
    words.evaluate("e => getSelection().selectAllChildren(e)")
    words.dispatch_event("mouseup", {"bubbles": True})
    assert page.locator("#quote").input_value() == words.inner_text()
    assert not page.locator(".here details pre").first.is_visible()
    page.keyboard.press("4")
    press(page, "Enter")
    assert decisions(folder)[-1]["quote"]


def test_a_mistake_is_shown_and_what_was_filled_in_stays(visit, folder):
    page = visit()
    page.keyboard.press("q")
    page.keyboard.type("words that are not there")
    page.keyboard.press("Escape")
    page.keyboard.press("4")
    press(page, "Enter")
    assert page.get_by_role("alert").is_visible()
    assert page.locator("#quote").input_value() == "words that are not there"
    assert page.locator("input[name=bucket]:checked").input_value() == "state_memory_failure"
    assert decisions(folder) == []


def test_hostile_text_does_nothing(visit):
    page = visit()
    for _ in range(3):
        assert "owned" not in page.title()
        assert page.locator("main img, main script").count() == 0
        assert "\u202e" not in page.content()
        page.keyboard.press("j")
        page.wait_for_load_state()
    assert page.said == []


def test_what_somebody_else_records_is_told(visit, cli):
    page = visit()
    who = ("--reviewer", "bot", "--reviewer-kind", "agent")
    cli("review", "show", "out", "run_b:1", *who)
    cli("review", "record", "out", "run_b:1", "--bucket", "other", "--attribution", "model", *who)
    page.locator("#said", has_text="1 rows are decided now").wait_for(timeout=15_000)


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_fits(visit, width, height, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit(width, height, scheme)
    for path in ("", "findings"):
        if path:
            page.get_by_role("link", name="Findings and gate").first.click()
        found = axe.run(page).response["violations"]
        serious = [
            (each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")
        ]
        assert serious == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_move_right_behind_a_save_does_not_call_it_back(visit, folder):
    page = visit()
    saved = []
    for _ in range(3):
        saved.append(row_of(page))
        with page.expect_navigation():
            page.evaluate("""() => {
              for (const key of ["4", "Enter", "j", "j", "k", "r"]) {
                document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
              }
            }""")
    page.wait_for_load_state()
    assert [event["row_id"] for event in decisions(folder)] == saved


def test_what_was_typed_and_not_saved_is_there_again(visit, folder):
    page = visit()
    first = row_of(page)
    page.keyboard.press("6")
    page.keyboard.press("a")
    page.keyboard.press("n")
    page.keyboard.type("half a thought")
    page.keyboard.press("Escape")
    press(page, "j")
    press(page, "k")
    assert row_of(page) == first
    assert page.locator("#note").input_value() == "half a thought"
    assert page.locator("input[name=bucket]:checked").get_attribute("data-key") == "6"
    assert page.locator("input[name=attribution]:checked").input_value() == "grader"
    assert "not saved" in page.locator("#said").inner_text()
    press(page, "Enter")
    assert decisions(folder)[-1]["note"] == "half a thought"
    page.goto(page.url.partition("?")[0] + f"?id={first}")
    assert "not saved" not in page.locator("#said").inner_text()


def test_what_was_recorded_is_said_in_sight(visit):
    page = visit(1280, 700)
    page.keyboard.press("4")
    press(page, "Enter")
    said = page.locator("#said")
    assert said.inner_text().startswith("recorded ")
    box = said.bounding_box()
    assert 0 <= box["y"] < 200
    assert 0 <= page.locator("h1").bounding_box()["y"] < 400


def test_a_failed_save_is_in_sight_on_a_phone(visit):
    page = visit(390, 844)
    page.locator("#quote").fill("nothing that the row holds")
    page.locator("input[data-key='4']").check()
    with page.expect_navigation():
        page.locator(".save").click()
    assert 0 <= page.locator(".error").bounding_box()["y"] < 844
    assert page.locator("#quote").input_value() == "nothing that the row holds"


def test_a_selection_over_several_elements_fills_a_quote_that_stands(visit, folder):
    page = visit()
    page.evaluate("""() => {
      const texts = [...document.querySelectorAll("article.here .text")];
      const words = texts.find((each) => each.textContent.includes("forgot"));
      const range = document.createRange();
      range.selectNodeContents(words);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      document.body.dispatchEvent(new MouseEvent("mouseup", { bubbles: true }));
    }""")
    assert "forgot" in page.locator("#quote").input_value()
    page.keyboard.press("4")
    press(page, "Enter")
    assert "forgot" in decisions(folder)[-1]["quote"]


def test_a_row_where_nothing_was_filled_in_has_no_draft(visit):
    page = visit()
    page.keyboard.press("4")
    press(page, "Enter")
    second = row_of(page)
    press(page, "u")
    page.goto(page.url.partition("?")[0] + f"?id={second}")
    assert page.locator("#said").inner_text() == ""
