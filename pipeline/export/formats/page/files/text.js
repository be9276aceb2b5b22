// What the page is told, and how texts are shown. Text goes in as text, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const SIGNS = { p: "\u00b7", f: "\u00d7", k: "~", g: "~", n: "\u2013" };
const VERDICTS = { p: "passed", f: "failed", k: "flaky, passed", g: "flaky, failed", n: "not judged" };
const several = data.maps.length > 1;
const held = Boolean(data.rows.turn);
const total = held ? data.rows.turn.length : 0;
const parents = new Map(Object.entries(data.buckets));
// Turns are compared as text: beyond 2^53 numbers are rounded here.
for (const map of data.maps) map.turns = map.turns.map(String);

const byId = (id) => document.getElementById(id);
const words = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

// Names come as they are; shown, their control and invisible characters are written out, as in every other output.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
const codePoint = (char) => char.codePointAt(0).toString(16);
const SHORT = { "\t": "\\t", "\n": "\\n", "\r": "\\r" };
const writtenOut = (char) => SHORT[char] ?? (char.length > 1 ? `\\U${codePoint(char).padStart(8, "0")}` : `\\u${codePoint(char).padStart(4, "0")}`);
const visible = (text) => text.replaceAll("\r\n", "\n").replace(HIDDEN, writtenOut);

function el(tag, classes, ...children) {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  made.append(...children.map((child) => (typeof child === "string" ? visible(child) : child)));
  return made;
}

const set = (element, name, text) => element.setAttribute(name, visible(text));
const say = (id, text) => byId(id).replaceChildren(visible(text));

// A name in code that may break where its parts meet.
function code(name) {
  const parts = name.split(/(?<=_)/).flatMap((part, i) => (i ? [el("wbr"), part] : [part]));
  return el("code", "", ...parts);
}

function link(href, text, classes) {
  const made = el("a", classes, text);
  made.setAttribute("href", href);
  return made;
}

// The link to the rows that fit: `#rows?name=value&...`.
const query = (pairs) => pairs.map((pair) => pair.map(encodeURIComponent).join("=")).join("&");
const rowsHref = (pairs) => (pairs.length ? `#rows?${query(pairs)}` : "#rows");

// A cut text comes with its whole length.
const shown = (text) => (Array.isArray(text) ? text[0] : text);
const cutNote = (text) => (Array.isArray(text) ? [" ", el("small", "", `cut, ${text[1]} characters in all`)] : []);

// A long text shows its beginning; the rest is folded, so that it does not push everything else away.
const LINES = 12;
const LONG = 700;
function fold(text) {
  let head = text.split("\n").slice(0, LINES).join("\n");
  if (head.length > LONG) head = head.slice(0, head.lastIndexOf(" ", LONG) + 1 || LONG);
  const rest = text.slice(head.length);
  return rest.length > LONG / 4 || rest.split("\n").length > LINES / 2 ? [head, rest] : [text, ""];
}

function said(label, text, empty) {
  if (text === undefined || (text === "" && !empty)) return "";
  const [head, rest] = fold(shown(text).trim() || empty);
  const made = el("div", "said", el("span", "label", label, ...cutNote(text)), el("p", "text", head));
  if (rest) {
    const summary = el("summary", "", `${rest.length} more characters`);
    made.append(el("details", "rest", summary, el("p", "text", rest.trim())));
  }
  return made;
}

function payload(label, text) {
  if (!text) return "";
  return el("details", "payload", el("summary", "", label, ...cutNote(text)), el("pre", "", shown(text)));
}

// The calls of a row beside the expected ones: each with what came of it, and how its arguments differ.
function callTable(calls) {
  if (!calls || !calls.length) return "";
  const line = (cell, parts) => el("tr", "", ...parts.map((part) => el(cell, "", part)));
  return el("table", "calls", line("th", ["call", "status", "arguments"]), ...calls.map((call) => line("td", call)));
}

function verdict(letter, failed, judged) {
  const sign = el("span", "", SIGNS[letter]);
  set(sign, "aria-hidden", "true");
  const runs = judged > 1 ? `, ${failed} of ${judged} runs failed` : "";
  return el("span", `verdict ${letter}`, sign, ` ${VERDICTS[letter]}${runs}`);
}

// Rows: a column holds each row's place in its list of names, or one place for all rows.
const at = (name, row) => (typeof data.rows[name] === "number" ? data.rows[name] : data.rows[name][row]);
const turnOf = (row) => String(at("turn", row));
const value = (row, name) => (name === "turn" ? turnOf(row) : data.names[name][at(name, row)]);
const unitOf = (row) => value(row, data.unit === "run" ? "run" : "model");
const rowId = (row) => `${value(row, "run")}:${turnOf(row)}`;
const dimensions = (row) => data.sets[at("dimensions", row)];
const secondary = (row) => data.sets[at("secondary", row)];
// The bucket of a failed row; a label that is tentative and that nobody has settled is marked so, with the mode that comes next.
function bucketOf(row) {
  const made = [code(value(row, "bucket")), " "];
  if (value(row, "confidence") !== "tentative" || value(row, "state") === "decided") return made;
  const next = value(row, "runner_up");
  return [...made, el("em", "tentative", next ? `or ${next} (tentative)` : "(tentative)"), " "];
}
const mapOf = (benchmark) => data.maps.findIndex((map) => map.benchmark === benchmark);
const userText = (map, turn) => (data.users && data.users[map] ? data.users[map][turn] : undefined);
const expectedOf = (benchmark, turn) => data.expected && data.expected[benchmark] && data.expected[benchmark][turn];
// A row that failed by its place among the rows, another by a number below -1; -1 for no row.
const textsOf = (ref) => (ref >= 0 ? data.texts && data.texts[ref] : data.others && data.others[ref]);
