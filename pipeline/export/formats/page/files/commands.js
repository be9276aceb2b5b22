// Commands that give the rows of a filter: over the packet where that can tell, else over the tables.
// What is shown can be copied: names are written with escapes, so that no hidden character is in them.
const escaped = (char) => char.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
const quoted = (text) => JSON.stringify(text).replace(HIDDEN, escaped);
const packetCommand = (parts) =>
  `jq '${`select(${parts.join(" and ") || "true"})`.replaceAll("'", "'\\''")}' failure_review_rows.jsonl`;

// The turn as a number; jq rounds large ones, as JavaScript does.
const isTurn = (of) => /^(0|[1-9]\d{0,18})$/.test(of);
const packetTurn = (of) => (Number.isSafeInteger(Number(of)) ? `.turn == ${of}` : `(.row_id | endswith(":${of}"))`);

// What holds of a row in the packet. `null` where the packet does not tell.
const PACKET = {
  benchmark: (of) => `.benchmark_name == ${quoted(of)}`,
  model: (of) => `.${data.unit === "run" ? "run_id" : "model_name"} == ${quoted(of)}`,
  run: (of) => `.run_id == ${quoted(of)}`,
  mode: (of) => `.error_mode_candidate == ${quoted(of)}`,
  confidence: (of) => `.error_mode_confidence == ${quoted(of)}`,
  dimension: (of) => `(.failed_dimensions | index(${quoted(of)}))`,
  turn: (of) => (isTurn(of) ? packetTurn(of) : "false"),
  kind: (of) => `.response_kind == ${quoted(of)}`,
  early: (of) => `.response_kind ${of === "no" ? "!=" : "=="} "model_ended_session_early"`,
  bucket: (of) => (data.reviewed ? null : `.error_mode_candidate == ${quoted(of.replace(/^\+/, ""))}`),
  state: (of) => (data.reviewed ? null : of === "unopened" ? "true" : "false"),
  outcome: (of) => (of === "failed" ? "true" : null),
};

// Each filter's values as one condition; `null` where one of them cannot be told.
function conditions(how, or) {
  const parts = [...filters].map(([name, wanted]) => {
    const each = wanted.map((of) => (Object.hasOwn(how, name) ? how[name](of) : null));
    if (each.includes(null)) return null;
    return each.includes("true") ? "true" : each.length > 1 ? `(${each.join(` ${or} `)})` : each[0];
  });
  return parts.includes(null) ? null : parts.filter((part) => part !== "true");
}

// What holds of a row in the tables, as DuckDB SQL: `t` is a row of turns, `r` what reviewers decided on it.
function sqlText(text) {
  const parts = text.split(new RegExp(`([\n\t]|${HIDDEN.source})`, "u")).filter(Boolean);
  const plain = (part) => part.search(/[\n\t]/) < 0 && part.search(HIDDEN) < 0;
  const each = parts.map((part) => (plain(part) ? `'${part.replaceAll("'", "''")}'` : `chr(${part.codePointAt(0)})`));
  return each.length > 1 ? `(${each.join(" || ")})` : each[0] || "''";
}

function sqlBucket(of) {
  const finer = of[0] === "+" ? [...parents].filter(([, parent]) => parent === of.slice(1)).map(([name]) => name) : [of];
  return finer.length ? `t.bucket in (${finer.map(sqlText).join(", ")})` : "false";
}

const failedDimension = (of) => `list_contains(t.failed_dimensions, ${sqlText(of)})`;
const decidedDimension = (of) => `(r.review_state = 'decided' and ${failedDimension(of)})`;
const OUTCOMES = { any: "true", incomplete: "not t.judged", passed: "(t.judged and not t.failed)", failed: "t.failed" };
const TABLES = {
  benchmark: (of) => `t.benchmark_name = ${sqlText(of)}`,
  model: (of) => `t.${data.unit === "run" ? "run_id" : "model_name"} = ${sqlText(of)}`,
  run: (of) => `t.run_id = ${sqlText(of)}`,
  mode: (of) => `t.error_mode = ${sqlText(of)}`,
  confidence: (of) => `t.error_mode_confidence = ${sqlText(of)}`,
  dimension: failedDimension,
  root: decidedDimension,
  secondary: decidedDimension,
  turn: (of) => (isTurn(of) ? `t.turn = ${of}` : "false"),
  kind: (of) => `t.response_kind = ${sqlText(of)}`,
  early: (of) => `t.response_kind ${of === "no" ? "<>" : "="} 'model_ended_session_early'`,
  bucket: sqlBucket,
  state: (of) => `r.review_state = ${sqlText(of)}`,
  attribution: (of) => `r.attribution = ${sqlText(of)}`,
  outcome: (of) => (Object.hasOwn(OUTCOMES, of) ? OUTCOMES[of] : "false"),
};

function tablesCommand(parts) {
  const reviews = parts.some((part) => /^\(*r\./.test(part)) ? " left join 'tables/reviews.parquet' r using (row_id)" : "";
  return `select t.row_id from 'tables/turns.parquet' t${reviews}${parts.length ? ` where ${parts.join(" and ")}` : ""}`;
}

function byName() {
  const few = matching.length && matching.length <= 8 && matching.every((row) => value(row, "outcome") === "failed");
  return few ? packetCommand([`(.row_id | IN(${matching.map((row) => quoted(rowId(row))).join(", ")}))`]) : "";
}

// The command for the filters as they are, and what has to be said of it.
function commandFor() {
  const inPacket = conditions(PACKET, "or");
  const command = inPacket ? packetCommand(inPacket) : byName();
  if (command) return ["In the packet: ", el("code", "", command)];
  const inTables = conditions(TABLES, "or");
  if (!inTables) return [];
  const parts = filters.has("outcome") ? inTables : ["t.failed", ...inTables];
  const asked = ["root", "secondary"].filter((name) => filters.has(name)).join(" or ");
  const more = " These are all decided rows that failed the dimension; in which of them reviewers called it";
  const which = asked ? `${more} ${asked}, only reviews.jsonl tells (secondary_dimensions).` : "";
  return ["In the tables, as DuckDB SQL: ", el("code", "", tablesCommand(parts)), which];
}
