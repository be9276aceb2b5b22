// Keys for the review page. Everything works without this file, by links and forms; it only makes it fast.
"use strict";

const byId = (id) => document.getElementById(id);
const decide = byId("decide");
const keys = byId("keys");

const isTyping = (element) =>
  element.matches("textarea, select, input:not([type=radio]):not([type=checkbox]), [contenteditable]");

const go = (address) => {
  if (address) location.assign(address);
};

function chooseBucket(number) {
  const choice = decide?.querySelector(`input[data-key="${number}"]`);
  if (!choice) return;
  choice.checked = true;
  byId("other-bucket").value = "";
  choice.focus();
}

function nextAttribution() {
  const choices = [...(decide?.querySelectorAll("input[name=attribution]") ?? [])];
  if (!choices.length) return;
  const next = choices[(choices.findIndex((each) => each.checked) + 1) % choices.length];
  next.checked = true;
  next.focus();
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
  r: () => location.reload(),
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

// Selected text of the row becomes the quote.
for (const texts of document.querySelectorAll(".conversation .here")) {
  texts.addEventListener("mouseup", () => {
    const chosen = getSelection().toString().trim();
    if (chosen && byId("quote")) byId("quote").value = chosen;
  });
}

// One save at a time.
decide?.addEventListener("submit", (event) => {
  if (decide.dataset.sent) event.preventDefault();
  decide.dataset.sent = "yes";
});
addEventListener("pageshow", () => decide && delete decide.dataset.sent);

// Show the present row in the queue, without moving the page.
const here = document.querySelector(".rows [aria-current]");
const queue = document.querySelector(".queue");
if (here && getComputedStyle(queue).position === "sticky") queue.scrollTop = here.offsetTop - queue.clientHeight / 2;

// Tell what somebody else has just recorded.
const version = document.body.dataset.version;
async function look() {
  if (document.hidden || !version) return;
  try {
    const found = await (await fetch("/state")).json();
    if (found.version.join(",") !== version) {
      byId("said").textContent = `Somebody has just recorded something: ${found.decided} rows are decided now (r shows it).`;
    }
  } catch {
    byId("said").textContent = "The page's server does not answer. What was saved is safe; start it again to go on.";
  }
}
setInterval(look, 4000);

// What is to be judged stands where one looks, with the end of the turn before above it.
document.querySelector("article.here")?.scrollIntoView();
document.querySelector(".rows a[aria-current]")?.scrollIntoView({ block: "nearest" });
