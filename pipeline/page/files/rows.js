// The row browser: filters by name, each with one or more values of which a row has to have one.
const PAGE = 25;
const SEVERAL = "\u0000";
const LABELS = { mode: "provisional mode", kind: "response", early: "filled in after an ending" };
const SHOWN = ["benchmark", "model", "bucket", "dimension", "turn", "state"].filter((name) => name !== "benchmark" || several);
const MOST_TURNS = 2000;
const filters = new Map();
const selects = new Map();
let matching = [];
let listed = 0;

const label = (name) => (name === "model" ? data.unit : LABELS[name] || name);

const TESTS = {
  model: (row, of) => unitOf(row) === of,
  bucket: (row, of) => (of[0] === "+" ? data.parents[at("bucket", row)] === of.slice(1) : value(row, "bucket") === of),
  dimension: (row, of) => dimensions(row).includes(of),
  secondary: (row, of) => secondary(row).includes(of) && dimensions(row).includes(of),
  root: (row, of) => value(row, "state") === "decided" && dimensions(row).includes(of) && !secondary(row).includes(of),
  early: (row, of) => (value(row, "kind") === "model_ended_session_early") === (of !== "no"),
  outcome: (row, of) => of === "any" || value(row, "outcome") === of,
};
const PLAIN = ["benchmark", "run", "kind", "mode", "state", "attribution", "turn"];
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
    const held = textsOf(row) || [];
    const user = held[6] === undefined ? userText(mapOf(value(row, "benchmark")), at("turn", row)) || "" : "";
    const parts = [rowId(row), value(row, "bucket"), ...dimensions(row), ...held.map(shown), shown(user)];
    haystacks.set(row, parts.join("\n").toLowerCase());
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
  if (name === "turn") return plain(used("turn").sort((a, b) => a - b).slice(0, MOST_TURNS));
  if (name === "state") return plain(used("state").sort());
  const exact = used("bucket").sort();
  const finer = new Set(data.names.bucket.map((each, i) => (each === data.parents[i] ? "" : data.parents[i])).filter(Boolean));
  return [...plain(exact), ...[...finer].sort().map((each) => [`+${each}`, `${each} and finer`])];
}

function makeSelect(name) {
  const select = el("select");
  select.id = `f-${name}`;
  for (const [of, text] of [["", "any"], ...choices(name), [SEVERAL, "several"]]) {
    const option = el("option", "", text);
    option.value = of;
    select.append(option);
  }
  select.addEventListener("change", () => {
    if (select.value === SEVERAL) return;
    if (select.value) filters.set(name, [select.value]);
    else filters.delete(name);
    changed();
  });
  selects.set(name, select);
  byId("selects").append(el("label", "", label(name), select));
}

function rowDetails(row) {
  const held = textsOf(row);
  const inside = el("div", "inside");
  const failed = value(row, "outcome") === "failed";
  const code = failed ? "f" : value(row, "outcome") === "passed" ? "p" : "n";
  const own = el("article", `answer own ${code}`, el("p", "who", el("strong", "", unitOf(row)), " ", verdict(code, 0, 0)));
  if (held) {
    const user = held[6] === undefined ? userText(mapOf(value(row, "benchmark")), at("turn", row)) : held[6];
    inside.append(said("User", user, "(empty)"));
    own.append(said("Assistant", held[0], "(empty)"), said("Judge", held[1], "(empty)"));
    own.append(payload("Tool calls", held[2]), payload("Tool results", held[3]));
    const facts = el("ul", "facts", el("li", "", shown(held[4])));
    if (held[5]) facts.append(el("li", "", `decided ${shown(held[5])}`));
    own.append(facts);
  } else {
    const where = failed ? command([`.row_id == ${quoted(rowId(row))}`]) : "see tables/turns.parquet";
    own.append(el("p", "none", "The texts of this row are not in this file: ", el("code", "", where)));
  }
  const others = othersBeside(value(row, "benchmark"), at("turn", row), unitOf(row));
  inside.append(el("div", "sides", own, ...(others ? [others] : [])));
  return inside;
}

function rowCard(row) {
  const summary = el("summary", "", el("strong", "", `Turn ${at("turn", row)}`), " ", unitOf(row), " ");
  if (several) summary.append(el("small", "", value(row, "benchmark")), " ");
  if (value(row, "bucket")) summary.append(el("code", "", value(row, "bucket")), " ");
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

// The filter of the packet that gives the same rows. Where none does, `null`.
const quoted = (text) => JSON.stringify(text);
const command = (parts) => `jq '${`select(${parts.join(" and ")})`.replaceAll("'", "'\\''")}' failure_review_rows.jsonl`;
const PACKET = {
  benchmark: (of) => `.benchmark_name == ${quoted(of)}`,
  model: (of) => `.${data.unit === "run" ? "run_id" : "model_name"} == ${quoted(of)}`,
  run: (of) => `.run_id == ${quoted(of)}`,
  mode: (of) => `.error_mode_candidate == ${quoted(of)}`,
  dimension: (of) => `(.failed_dimensions | index(${quoted(of)}))`,
  turn: (of) => `.turn == ${/^\d+$/.test(of) ? of : quoted(of)}`,
  kind: (of) => `.response_kind == ${quoted(of)}`,
  early: (of) => `.response_kind ${of === "no" ? "!=" : "=="} "model_ended_session_early"`,
  bucket: (of) => (data.reviewed ? null : `.error_mode_candidate == ${quoted(of.replace(/^\+/, ""))}`),
  state: (of) => (data.reviewed ? null : of === "unopened" ? "true" : "false"),
  outcome: (of) => (of === "failed" ? "true" : null),
};

function packetFilter() {
  const parts = [];
  for (const [name, wanted] of filters) {
    const each = wanted.map((of) => (PACKET[name] ? PACKET[name](of) : null));
    if (each.includes(null)) return "";
    if (each.length && !each.includes("true")) parts.push(each.length > 1 ? `(${each.join(" or ")})` : each[0]);
  }
  return parts.length ? command(parts) : "";
}

function byName() {
  const few = matching.length && matching.length <= 8 && matching.every((row) => value(row, "outcome") === "failed");
  return few ? command([`(.row_id | IN(${matching.map((row) => quoted(rowId(row))).join(", ")}))`]) : "";
}

const IN_TABLES =
  "What reviewers decided, and rows that did not fail, are not in the packet: see bucket, bucket_source, judged and " +
  "response_kind in tables/turns.parquet, review_state and attribution in tables/reviews.parquet, by row_id.";

function showPacket() {
  const filter = packetFilter() || byName();
  const place = byId("packet");
  if (filter) place.replaceChildren("In the packet: ", el("code", "", filter));
  else place.replaceChildren(...(filters.size && !total ? [IN_TABLES] : []));
}

function showCount() {
  const others = filters.has("outcome") && !filters.get("outcome").includes("failed");
  const failed = words(data.failed, "failed row");
  byId("count").textContent = !data.failed && !total ? "No row failed."
    : !total ? `The ${failed} are in failure_review_rows.jsonl.`
    : filters.has("outcome") ? `${words(matching.length, "row")}${others ? ", not failed" : ", failed or not"}`
    : `${matching.length} of ${failed}`;
}

function showChips() {
  const chips = [...filters].filter(([name, wanted]) => name !== "q" && (!selects.has(name) || wanted.length > 1));
  byId("chips").replaceChildren(
    ...chips.map(([name, wanted]) => {
      const text = `${label(name)}: ${wanted.join(" or ") || "none"}`;
      const button = el("button", "", `${text} \u00d7`);
      button.type = "button";
      button.setAttribute("aria-label", `Remove the filter ${text}`);
      button.addEventListener("click", () => {
        filters.delete(name);
        changed();
        byId("q").focus();
      });
      return el("li", "", button);
    }),
  );
  for (const [name, select] of selects) {
    const wanted = filters.get(name) || [];
    select.lastChild.hidden = wanted.length < 2;
    select.value = wanted.length > 1 ? SEVERAL : wanted[0] || "";
  }
}

function showRows() {
  const search = (filters.get("q") || [""])[0].toLowerCase().trim();
  matching = [];
  for (let row = 0; row < total; row += 1) {
    if (passes(row) && (!search || haystack(row).includes(search))) matching.push(row);
  }
  byId("list").replaceChildren();
  listed = 0;
  listMore();
  showCount();
  showPacket();
  showChips();
}

function changed() {
  history.replaceState(null, "", rowsHref([...filters].flatMap(([name, wanted]) => wanted.map((of) => [name, of]))));
  showRows();
}

function setFilters(pairs) {
  filters.clear();
  for (const [name, of] of pairs) {
    if (name === "q" || (NAMES.has(name) && (name !== "benchmark" || several))) {
      filters.set(name, [...(filters.get(name) || []), of]);
    }
  }
  byId("q").value = (filters.get("q") || [""])[0];
  showRows();
}

if (total) SHOWN.forEach(makeSelect);
byId("filters").hidden = !total;
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
