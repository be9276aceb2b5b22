// The row browser: filters by name, each with one or more values of which a row has to have one.
const PAGE = 25;
const LABELS = { mode: "provisional mode", confidence: "provisional label", kind: "response", early: "filled in after an ending" };
const SHOWN = ["benchmark", "model", "bucket", "dimension", "turn", "confidence", "state"].filter((name) => name !== "benchmark" || several);
const MOST_TURNS = 2000;
const filters = new Map();
const selects = new Map();
const offered = new Map();
let matching = [];
let listed = 0;

const label = (name) => (name === "model" ? data.unit : LABELS[name] || name);

const TESTS = {
  model: (row, of) => unitOf(row) === of,
  bucket: (row, of) => (of[0] === "+" ? parents.get(value(row, "bucket")) === of.slice(1) : value(row, "bucket") === of),
  dimension: (row, of) => dimensions(row).includes(of),
  secondary: (row, of) => secondary(row).includes(of) && dimensions(row).includes(of),
  root: (row, of) => value(row, "state") === "decided" && dimensions(row).includes(of) && !secondary(row).includes(of),
  early: (row, of) => (value(row, "kind") === "model_ended_session_early") === (of !== "no"),
  outcome: (row, of) => of === "any" || value(row, "outcome") === of,
};
const PLAIN = ["benchmark", "run", "kind", "mode", "confidence", "state", "attribution", "turn"];
const NAMES = new Set([...Object.keys(TESTS), ...PLAIN]);

function passes(row) {
  if (!filters.has("outcome") && value(row, "outcome") !== "failed") return false;
  for (const [name, wanted] of filters) {
    if (!NAMES.has(name) || !wanted.length) continue;
    const test = TESTS[name] || ((each, of) => value(each, name) === of);
    if (!wanted.some((of) => test(row, of))) return false;
  }
  return true;
}

const haystacks = new Map();
function haystack(row) {
  if (!haystacks.has(row)) {
    const texts = textsOf(row) || [];
    const user = texts[6] === undefined ? userText(mapOf(value(row, "benchmark")), turnOf(row)) || "" : "";
    const names = [rowId(row), value(row, "bucket"), ...dimensions(row)].map(visible);
    haystacks.set(row, [...names, ...texts.map(shown), shown(user)].join("\n").toLowerCase());
  }
  return haystacks.get(row);
}

// What can be chosen, from the rows themselves.
function choices(name) {
  const used = (column) => [...new Set(Array.from({ length: total }, (_, row) => value(row, column)))].filter(Boolean);
  const plain = (values) => values.map((each) => [each, each]);
  if (name === "benchmark") return plain(data.maps.map((map) => map.benchmark));
  if (name === "model") return plain([...new Set(data.maps.flatMap((map) => map.models))]);
  if (name === "dimension") return plain([...new Set(data.sets.flat())].sort());
  if (name === "turn") return plain(used("turn").sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, MOST_TURNS));
  if (name === "state" || name === "confidence") return plain(used(name).sort());
  const exact = used("bucket").sort();
  const finer = new Set([...parents].filter(([each, of]) => each !== of).map(([, of]) => of));
  return [...plain(exact), ...[...finer].sort().map((each) => [`+${each}`, `${each} and finer`])];
}

function makeSelect(name) {
  const select = el("select");
  select.id = `f-${name}`;
  const found = choices(name);
  for (const [of, text] of [["", "any"], ...found, ["", "several"]]) {
    const option = el("option", "", text);
    option.value = of;
    select.append(option);
  }
  offered.set(name, new Set(found.map(([of]) => of)));
  select.addEventListener("change", () => {
    if (select.selectedIndex === select.length - 1) return;
    if (select.value) filters.set(name, [select.value]);
    else filters.delete(name);
    changed();
  });
  selects.set(name, select);
  byId("selects").append(el("label", "", label(name), select));
}

function rowDetails(row) {
  const texts = textsOf(row);
  const inside = el("div", "inside");
  const failed = value(row, "outcome") === "failed";
  const letter = failed ? "f" : value(row, "outcome") === "passed" ? "p" : "n";
  const own = el("article", `answer own ${letter}`, el("p", "who", el("strong", "", unitOf(row)), " ", verdict(letter, 0, 0)));
  if (texts) {
    const user = texts[6] === undefined ? userText(mapOf(value(row, "benchmark")), turnOf(row)) : texts[6];
    inside.append(said("User", user, "(empty)"));
    own.append(said("Assistant", texts[0], "(empty)"), said("Judge", texts[1], "(empty)"));
    own.append(payload("Tool calls", texts[2]), payload("Tool results", texts[3]));
    own.append(callTable(data.check && data.checks[data.check[row]]));
    const facts = el("ul", "facts", el("li", "", shown(texts[4])));
    if (texts[5]) facts.append(el("li", "", `decided ${shown(texts[5])}`));
    own.append(facts);
  } else {
    const where = failed ? packetCommand([`.row_id == ${quoted(rowId(row))}`]) : tablesCommand([`t.row_id = ${sqlText(rowId(row))}`]);
    own.append(el("p", "none", "The texts of this row are not in this file: ", el("code", "", where)));
  }
  const expected = expectedOf(value(row, "benchmark"), turnOf(row));
  if (expected) inside.append(said("Reference", expected[0], "(no expected answer)"), payload("Expected calls", expected[1]));
  const others = othersBeside(value(row, "benchmark"), turnOf(row), unitOf(row));
  inside.append(el("div", "sides", own, ...(others ? [others] : [])));
  return inside;
}

function rowCard(row) {
  const summary = el("summary", "", el("strong", "", `Turn ${turnOf(row)}`), " ", unitOf(row), " ");
  if (several) summary.append(el("small", "", value(row, "benchmark")), " ");
  if (value(row, "bucket")) summary.append(...bucketOf(row));
  for (const name of dimensions(row)) summary.append(el("span", "tag", name), " ");
  const state = value(row, "outcome") === "failed" ? value(row, "state") : value(row, "outcome");
  if (state !== "unopened") summary.append(el("span", "tag state", state), " ");
  summary.append(el("small", "id", rowId(row)));
  const card = el("details", "row", summary);
  card.addEventListener("toggle", () => {
    if (card.open && card.children.length === 1) card.append(rowDetails(row));
  });
  return card;
}

function listMore() {
  byId("list").append(...matching.slice(listed, listed + PAGE).map(rowCard));
  listed = Math.min(listed + PAGE, matching.length);
  byId("more").hidden = listed >= matching.length;
}

function countWords() {
  const failed = words(data.failed, "failed row");
  if (!held && filters.size) return "The rows that this filter means are not in this file.";
  if (!held && data.failed) return `The ${failed} ${data.failed === 1 ? "is" : "are"} in failure_review_rows.jsonl.`;
  if (filters.has("outcome")) {
    const some = filters.get("outcome").some((of) => of === "any" || of === "failed");
    return `${words(matching.length, "row")}, ${some ? "failed or not" : "not failed"}`;
  }
  return data.failed ? `${matching.length} of ${failed}` : "No row failed.";
}

// A filter that no field shows, because it has none, because it has several values, or because it offers no such value.
const isShown = (name, wanted) => wanted.length === 1 && offered.get(name)?.has(wanted[0]);

function showChips() {
  const chips = [...filters].filter(([name, wanted]) => (name === "q" ? !held : !isShown(name, wanted)));
  byId("chips").replaceChildren(
    ...chips.map(([name, wanted]) => {
      const text = `${label(name)}: ${wanted.join(" or ") || "none"}`;
      const button = el("button", "", `${text} \u00d7`);
      button.type = "button";
      set(button, "aria-label", `Remove the filter ${text}`);
      button.addEventListener("click", () => {
        filters.delete(name);
        changed();
        byId(held ? "q" : "rows").focus();
      });
      return el("li", "", button);
    }),
  );
  for (const [name, select] of selects) {
    const wanted = filters.get(name) || [];
    const other = wanted.length > 0 && !isShown(name, wanted);
    select.lastChild.hidden = !other;
    select.lastChild.textContent = wanted.length > 1 ? "several" : "another";
    select.selectedIndex = other ? select.length - 1 : [...select.options].findIndex((each) => each.value === (wanted[0] || ""));
  }
}

function showRows() {
  const search = (filters.get("q") || [""])[0].toLowerCase().trim();
  matching = [];
  for (let row = 0; row < total; row += 1) {
    if (passes(row) && (!search || haystack(row).includes(search))) matching.push(row);
  }
  const none = "No row fits. Remove a filter or change the search; Clear shows all failed rows again.";
  byId("list").replaceChildren(...(total && !matching.length && filters.size ? [el("p", "none", none)] : []));
  byId("no-turn").hidden = true;
  listed = 0;
  listMore();
  say("count", countWords());
  byId("packet").replaceChildren(...(filters.size ? commandFor() : []));
  showChips();
}

function changed() {
  history.replaceState(null, "", rowsHref([...filters].flatMap(([name, wanted]) => wanted.map((of) => [name, of]))));
  showRows();
}

function setFilters(pairs) {
  filters.clear();
  for (const [name, of] of pairs) {
    if (name === "q" || (NAMES.has(name) && (name !== "benchmark" || several || mapOf(of) < 0))) {
      filters.set(name, [...(filters.get(name) || []), of]);
    }
  }
  byId("q").value = (filters.get("q") || [""])[0];
  showRows();
}

if (held) SHOWN.forEach(makeSelect);
byId("filters").hidden = !held;
byId("more").addEventListener("click", () => {
  const next = listed;
  listMore();
  const card = byId("list").children[next];
  if (card) card.firstChild.focus();
});
let waiting = 0;
byId("q").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    if (byId("q").value) filters.set("q", [byId("q").value]);
    else filters.delete("q");
    changed();
  }, 120);
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filters").addEventListener("reset", () => {
  filters.clear();
  setTimeout(changed);
});
