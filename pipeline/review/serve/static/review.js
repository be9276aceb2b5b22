// Keys for the review page. Everything works without this file, by links and forms; it only makes it fast.
"use strict";

const byId = (id) => document.getElementById(id);
const decide = byId("decide");
const keys = byId("keys");

const isTyping = (element) =>
  element.matches("textarea, select, input:not([type=radio]):not([type=checkbox]), [contenteditable]");

// Going elsewhere while a decision is on its way would call it back.
const go = (address) => {
  if (address && !decide?.dataset.sent) location.assign(address);
};

const say = (text) => {
  byId("said").textContent = text;
};

function chooseBucket(number) {
  const choice = decide?.querySelector(`input[data-key="${number}"]`);
  if (!choice) return;
  choice.checked = true;
  byId("other-bucket").value = "";
  keepDraft();
  say(`Cause: ${choice.value}`);
}

function nextAttribution() {
  const choices = [...(decide?.querySelectorAll("input[name=attribution]") ?? [])];
  if (!choices.length) return;
  const next = choices[(choices.findIndex((each) => each.checked) + 1) % choices.length];
  next.checked = true;
  keepDraft();
  say(`Whose fault: ${next.value}`);
}

function press(id) {
  byId(id)?.click();
}

function focusOn(id) {
  byId(id)?.focus();
}

const actions = {
  j: () => go(document.body.dataset.on),
  k: () => go(document.body.dataset.back),
  ArrowDown: () => go(document.body.dataset.on),
  ArrowRight: () => go(document.body.dataset.on),
  ArrowUp: () => go(document.body.dataset.back),
  ArrowLeft: () => go(document.body.dataset.back),
  b: () => focusOn("other-bucket"),
  a: nextAttribution,
  n: () => focusOn("note"),
  q: () => focusOn("quote"),
  d: () => press("defer"),
  u: () => press("undo"),
  r: () => go(document.body.dataset.here ?? location.href),
  g: () => go("/findings"),
  "/": () => document.querySelector("#filters select")?.focus(),
  "?": () => keys.showModal(),
};

document.addEventListener("keydown", (event) => {
  const target = event.target;
  if (event.key === "Escape" && isTyping(target)) {
    target.blur();
    byId("main")?.focus();
    return;
  }
  if (event.key === "Enter" && decide) {
    const several = target.matches("textarea");
    const plain = !target.matches("a, button, summary, select");
    if (plain && (!several || event.ctrlKey || event.metaKey) && (!isTyping(target) || decide.contains(target))) {
      event.preventDefault();
      decide.requestSubmit(decide.querySelector(".save"));
    }
    return;
  }
  if (isTyping(target) || event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
  if (target.matches("input[type=radio]") && event.key.startsWith("Arrow")) return;
  if (/^[1-9]$/.test(event.key)) {
    event.preventDefault();
    chooseBucket(event.key);
    return;
  }
  const action = actions[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
});

byId("show-keys")?.addEventListener("click", () => keys.showModal());

// A bucket found by typing takes the place of one chosen by its key, and the other way round.
byId("other-bucket")?.addEventListener("input", (event) => {
  if (event.target.value) decide.querySelectorAll("input[name=bucket]").forEach((each) => (each.checked = false));
});
decide?.addEventListener("change", (event) => {
  if (event.target.name === "bucket") byId("other-bucket").value = "";
});

// Selected text of the row becomes the quote, wherever the mouse is let go.
document.addEventListener("mouseup", () => {
  const selection = getSelection();
  const chosen = selection.toString().trim();
  const row = document.querySelector(".conversation .here");
  if (!chosen || !byId("quote") || !row || !selection.containsNode(row, true)) return;
  byId("quote").value = chosen;
  keepDraft();
});

// What was filled in and not saved is kept in this window, row by row, until it is recorded.
const row = document.body.dataset.row;
const place = (row) => `draft of ${row}`;
function keepDraft() {
  if (!decide || !row) return;
  const values = [...new FormData(decide)].filter(([name]) => ["bucket", "other_bucket", "attribution", "secondary", "quote", "note"].includes(name));
  sessionStorage.setItem(place(row), JSON.stringify(values));
}
function takeUpDraft() {
  const recorded = /^recorded (.+?): /.exec(byId("said").textContent)?.[1] ?? /^put off (.+)$/.exec(byId("said").textContent)?.[1];
  if (recorded) sessionStorage.removeItem(place(recorded));
  const kept = row && sessionStorage.getItem(place(row));
  if (!decide || !kept || document.querySelector(".error")) return;
  const values = JSON.parse(kept);
  for (const field of decide.elements) {
    const own = values.filter(([name]) => name === field.name).map(([, value]) => value);
    if (field.type === "radio" || field.type === "checkbox") {
      if (["bucket", "attribution", "secondary"].includes(field.name)) field.checked = own.includes(field.value);
    } else if (["other_bucket", "quote", "note"].includes(field.name)) {
      field.value = own[0] ?? "";
    }
  }
  if (!byId("said").textContent) say("What you had filled in here is not saved yet.");
}
decide?.addEventListener("input", keepDraft);
decide?.addEventListener("change", keepDraft);
takeUpDraft();

// One save at a time.
decide?.addEventListener("submit", (event) => {
  if (decide.dataset.sent) event.preventDefault();
  decide.dataset.sent = "yes";
  if (event.submitter?.matches(".save")) keepDraft();
});
addEventListener("pageshow", () => decide && delete decide.dataset.sent);

// Show the present row in the queue, without moving the page.
const here = document.querySelector(".rows [aria-current]");
const queue = document.querySelector(".queue");
if (here && getComputedStyle(queue).position === "sticky") queue.scrollTop = here.offsetTop - queue.clientHeight / 2;

// Tell what somebody else has just recorded, and when the server is gone.
const { writes } = document.body.dataset;
async function look() {
  if (document.hidden || !writes) return;
  try {
    const found = await (await fetch("/state")).json();
    if (String(found.writes) !== writes) say(`Somebody has just recorded something: ${found.decided} rows are decided now (r shows it).`);
  } catch {
    say("The page's server does not answer. What was saved is safe; start it again to go on.");
  }
}
setInterval(look, 4000);

// What is to be judged stands where one looks, with the end of the turn before above it; an error before all else.
(document.querySelector(".error") ?? byId("about"))?.scrollIntoView({ block: document.querySelector(".error") ? "center" : "start" });
