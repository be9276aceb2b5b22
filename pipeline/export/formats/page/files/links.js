// Links inside the page: `#rows?name=value&...` sets the filters, `#turns?benchmark=...&turn=...` opens a turn.
function openTurn(benchmark, turn) {
  const grid = grids[mapOf(benchmark)];
  const found = Boolean(grid) && grid.open(turn);
  byId("no-turn").hidden = true;
  if (found) return;
  setFilters([["benchmark", benchmark], ["turn", turn]]);
  const below = held ? "its failed rows are below" : "the command below gives its failed rows";
  say("no-turn", `Turn ${turn} is not in the heat map; ${below}. Every outcome is in tables/turn_outcomes.parquet.`);
  byId("no-turn").hidden = false;
  showBrowser();
}

function showBrowser() {
  byId("rows").scrollIntoView();
  byId("rows").focus({ preventScroll: true });
}

function follow() {
  const [place, search] = location.hash.slice(1).split(/\?(.*)/s);
  const asked = new URLSearchParams(search || "");
  if (place === "rows" && search !== undefined) {
    setFilters(asked);
    showBrowser();
  } else if (place === "turns" && asked.has("turn")) {
    openTurn(asked.get("benchmark") || "", asked.get("turn"));
  } else if (!location.hash) {
    setFilters([]);
  }
}

addEventListener("hashchange", follow);
document.addEventListener("click", (event) => {
  const target = event.target.closest("a[href^='#']");
  if (target && target.getAttribute("href") === location.hash) follow();
});

// Boxes that scroll can be reached by keyboard, and fade where there is more. All are measured before any is changed.
const boxes = [...document.querySelectorAll(".scroll")];
const left = (whole, shown, before) => whole - shown - before > 1;
function measure(some) {
  const found = some.map((box) => ({
    box,
    right: left(box.scrollWidth, box.clientWidth, box.scrollLeft),
    below: left(box.scrollHeight, box.clientHeight, box.scrollTop),
    scrolls: left(box.scrollWidth, box.clientWidth, 0) || left(box.scrollHeight, box.clientHeight, 0),
  }));
  for (const { box, right, below, scrolls } of found) {
    box.classList.toggle("right", right);
    box.classList.toggle("below", below);
    if (scrolls) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}
addEventListener("resize", () => measure(boxes));
for (const box of boxes) box.addEventListener("scroll", () => measure([box]), { passive: true });

// Everything is open on paper, but not the tool calls of other models.
const CLOSED = ["details.point", ".answer.own details.payload", "details.rest"].map((each) => `${each}:not([open])`).join();
let opened = [];
addEventListener("beforeprint", () => {
  points.forEach(fillPoint);
  opened = [...document.querySelectorAll(CLOSED)];
  for (const each of opened) each.open = true;
});
addEventListener("afterprint", () => {
  for (const each of opened) each.open = false;
});

setFilters([]);
for (const grid of grids) grid.start();
measure(boxes);
follow();
