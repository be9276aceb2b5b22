// Links inside the page: `#rows?name=value&...` sets the filters, `#turns?benchmark=...&turn=...` opens a turn.
function openTurn(benchmark, turn) {
  const grid = grids[mapOf(benchmark)];
  const found = Boolean(grid) && grid.open(turn);
  const notice = byId("no-turn");
  notice.hidden = found;
  notice.textContent = found ? "" : `Turn ${turn} is not in this map; see tables/turn_outcomes.parquet.`;
  if (!found) byId("turns").scrollIntoView();
}

function follow() {
  const [place, search] = location.hash.slice(1).split(/\?(.*)/s);
  const asked = new URLSearchParams(search || "");
  if (place === "rows" && search !== undefined) {
    setFilters(asked);
    byId("rows").scrollIntoView();
    byId("rows").focus({ preventScroll: true });
  } else if (place === "turns" && asked.has("turn")) {
    openTurn(asked.get("benchmark"), Number(asked.get("turn")));
  }
}

addEventListener("hashchange", follow);
document.addEventListener("click", (event) => {
  const target = event.target.closest("a[href^='#']");
  if (target && target.getAttribute("href") === location.hash) follow();
});

// Boxes that scroll can be reached by keyboard.
const boxes = [...document.querySelectorAll(".scroll")];
function measure() {
  for (const box of boxes) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}
addEventListener("resize", measure);

// Everything is open on paper.
let opened = [];
addEventListener("beforeprint", () => {
  points.forEach(fillPoint);
  opened = [...document.querySelectorAll("details.point:not([open]), details.payload:not([open]), details.rest:not([open])")];
  for (const each of opened) each.open = true;
});
addEventListener("afterprint", () => {
  for (const each of opened) each.open = false;
});

setFilters([]);
for (const grid of grids) grid.start();
measure();
follow();
