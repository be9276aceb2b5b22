// What every model did on a turn, and the heat map: a grid with one tab stop, where the arrow keys move and choose.
function tags(row) {
  const made = el("p", "why", ...bucketOf(row));
  for (const name of dimensions(row)) made.append(el("span", "tag", name), " ");
  return made;
}

function answer(map, model, column, chosen) {
  const letter = map.codes[model][column];
  const ref = map.rows[model][column];
  const failed = map.failed[model][column];
  const how = verdict(letter, failed, map.judged[model][column]);
  const card = el("article", `answer ${letter}${chosen ? " chosen" : ""}`, el("p", "who", el("strong", "", map.models[model]), " ", how));
  const texts = textsOf(ref);
  if (ref >= 0 && held) card.append(tags(ref));
  if (texts) {
    card.append(said("Answer", texts[0], "(no words)"), said("Judge", texts[1]));
    card.append(payload("Tool calls", texts[2]), payload("Tool results", texts[3]));
  } else if (ref !== -1) {
    card.append(el("p", "none", "The answer is not in this file; see tables/turns.parquet."));
  }
  if (failed) {
    const where = [["benchmark", map.benchmark], ["model", map.models[model]], ["turn", map.turns[column]]];
    card.append(el("p", "why", link(rowsHref(where), words(failed, "failed row"))));
  }
  return card;
}

function everyAnswer(map, column, chosen) {
  return el("div", "answers", ...map.models.map((_, model) => answer(map, model, column, model === chosen)));
}

// Beside a failed row, what others answered on its turn: a few, those that passed first, and a button for the rest.
const BESIDE = 5;
const PASSES = "pk";
function othersBeside(benchmark, turn, model) {
  const map = data.maps[mapOf(benchmark)];
  const column = map && map.models.length > 1 ? map.turns.indexOf(turn) : -1;
  if (column < 0) return null;
  const others = map.models.map((_, each) => each).filter((each) => map.models[each] !== model);
  const passed = (each) => PASSES.includes(map.codes[each][column]);
  const ordered = [...others.filter(passed), ...others.filter((each) => !passed(each))];
  const cards = (some) => some.map((each) => answer(map, each, column, false));
  const box = el("div", "others", ...cards(ordered.slice(0, BESIDE)));
  set(box, "role", "group");
  set(box, "aria-label", `What the others answered on turn ${turn}`);
  if (ordered.length > BESIDE) {
    const more = el("button", "", `${ordered.length - BESIDE} more`);
    more.type = "button";
    more.addEventListener("click", () => {
      const rest = cards(ordered.slice(BESIDE));
      more.replaceWith(...rest);
      rest[0].tabIndex = -1;
      rest[0].focus();
    });
    box.append(more);
  }
  return box;
}

const points = [...document.querySelectorAll("details.point")];

function fillPoint(point) {
  const sides = point.querySelector(".sides");
  if (sides.children.length > 1) return;
  const { benchmark, turn, model } = point.dataset;
  const others = othersBeside(decodeURIComponent(benchmark), turn, decodeURIComponent(model));
  if (others) sides.append(others);
}

for (const point of points) {
  point.addEventListener("toggle", () => fillPoint(point));
  if (point.open) fillPoint(point);
}

const FAILS = "fg";

function makeGrid(table, number) {
  const map = data.maps[number];
  const cells = [...table.tBodies[0].rows].map((row) => [...row.cells].slice(1));
  const failing = map.turns.map((_, column) => map.codes.filter((codes) => FAILS.includes(codes[column])).length);
  let chosen = null;
  set(table, "role", "grid");
  set(table, "aria-label", `Outcomes of ${map.benchmark}`);

  const name = (row, column) => {
    const judged = map.judged[row][column];
    const runs = judged > 1 ? `, ${map.failed[row][column]} of ${judged} runs failed` : "";
    return `${map.models[row]}, turn ${map.turns[column]}: ${VERDICTS[map.codes[row][column]]}${runs}`;
  };
  cells.forEach((row, r) =>
    row.forEach((cell, c) => {
      cell.tabIndex = r || c ? -1 : 0;
      set(cell, "aria-label", name(r, c));
      set(cell, "aria-selected", "false");
    }),
  );

  function show(row, column) {
    const turn = map.turns[column];
    const judged = map.codes.filter((codes) => codes[column] !== "n").length;
    const line = `Turn ${turn}: ${failing[column]} of ${words(judged, data.unit)} ${judged === 1 ? "fails" : "fail"} it.`;
    const user = userText(number, turn);
    const missing = el("p", "none", "The user's text of this turn is not in this file; see tables/turns.parquet.");
    byId(`panel-${number}`).replaceChildren(
      el("p", "line", el("strong", "", line)),
      user === undefined ? missing : said("User", user, "(empty)"),
      everyAnswer(map, column, row),
    );
    say(`live-${number}`, `${name(row, column)}. ${line} The texts follow the map.`);
  }

  function choose(row, column, focus) {
    if (!cells[row] || !cells[row][column]) return;
    const before = chosen ? cells[chosen[0]][chosen[1]] : cells[0][0];
    set(before, "aria-selected", "false");
    before.tabIndex = -1;
    chosen = [row, column];
    const cell = cells[row][column];
    cell.tabIndex = 0;
    set(cell, "aria-selected", "true");
    if (focus) cell.focus();
    show(row, column);
  }

  // The turn and the model's answer at a glance; the texts are put in when the pointer comes, not for every cell.
  table.addEventListener("mouseover", (event) => {
    const cell = event.target.closest("td");
    if (!cell || cell.title) return;
    const [row, column] = [cell.parentElement.sectionRowIndex, cell.cellIndex - 1];
    const texts = textsOf(map.rows[row][column]);
    const user = userText(number, map.turns[column]);
    const short = (text) => (shown(text).length > 300 ? `${shown(text).slice(0, 299)}\u2026` : shown(text));
    const title = [
      name(row, column),
      ...(user === undefined ? [] : [`User: ${short(user)}`]),
      ...(texts ? [`Answer: ${short(texts[0]) || "(no words)"}`] : []),
    ];
    set(cell, "title", title.join("\n"));
  });
  table.addEventListener("click", (event) => {
    const cell = event.target.closest("td");
    if (cell) choose(cell.parentElement.sectionRowIndex, cell.cellIndex - 1, true);
  });
  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest("td");
    if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
    const [row, column] = [cell.parentElement.sectionRowIndex, cell.cellIndex - 1];
    const last = map.turns.length - 1;
    const to = {
      ArrowLeft: [row, Math.max(column - 1, 0)],
      ArrowRight: [row, Math.min(column + 1, last)],
      ArrowUp: [Math.max(row - 1, 0), column],
      ArrowDown: [Math.min(row + 1, cells.length - 1), column],
      Home: [row, 0],
      End: [row, last],
      Enter: [row, column],
      " ": [row, column],
    }[event.key];
    if (!to) return;
    event.preventDefault();
    choose(to[0], to[1], true);
  });

  const failingRow = (column) => Math.max(map.codes.findIndex((codes) => FAILS.includes(codes[column])), 0);
  return {
    open(turn) {
      const column = map.turns.indexOf(turn);
      if (column >= 0) choose(failingRow(column), column, true);
      return column >= 0;
    },
    start() {
      const most = Math.max(0, ...failing);
      if (most) choose(failingRow(failing.indexOf(most)), failing.indexOf(most), false);
    },
  };
}

const grids = [...document.querySelectorAll("table.heat")].map(makeGrid);
