// What every model did on a turn, and the heat map: a grid with one tab stop, where the arrow keys move and choose.
function tags(row) {
  const made = el("p", "why", el("code", "", value(row, "bucket")), " ");
  for (const name of dimensions(row)) made.append(el("span", "tag", name), " ");
  return made;
}

function answer(map, model, column, chosen) {
  const code = map.codes[model][column];
  const ref = map.rows[model][column];
  const failed = map.failed[model][column];
  const who = el("p", "who", el("strong", "", map.models[model]), " ", verdict(code, failed, map.judged[model][column]));
  const card = el("article", `answer ${code}${chosen ? " chosen" : ""}`, who);
  const held = textsOf(ref);
  if (ref >= 0 && total) card.append(tags(ref));
  if (held) {
    card.append(said("Answer", held[0], "(no words)"), said("Judge", held[1]));
    card.append(payload("Tool calls", held[2]), payload("Tool results", held[3]));
  } else if (ref !== -1) {
    card.append(el("p", "none", "The answer is not in this file; see tables/turns.parquet."));
  }
  if (failed) {
    const where = [["benchmark", map.benchmark], ["model", map.models[model]], ["turn", String(map.turns[column])]];
    card.append(el("p", "why", link(rowsHref(where), words(failed, "failed row"))));
  }
  return card;
}

function everyAnswer(map, column, skip, chosen) {
  const box = el("div", "answers");
  map.models.forEach((_, model) => {
    if (model !== skip) box.append(answer(map, model, column, model === chosen));
  });
  return box;
}

// Beside a failed row, what the others answered on its turn.
function othersBeside(benchmark, turn, model) {
  const map = data.maps[mapOf(benchmark)];
  const column = map && map.models.length > 1 ? map.turns.indexOf(turn) : -1;
  if (column < 0) return null;
  const others = everyAnswer(map, column, map.models.indexOf(model), -1);
  others.className = "others";
  others.setAttribute("role", "group");
  others.setAttribute("aria-label", `What the others answered on turn ${turn}`);
  return others;
}

const points = [...document.querySelectorAll("details.point")];

function fillPoint(point) {
  const sides = point.querySelector(".sides");
  if (sides.children.length > 1) return;
  const others = othersBeside(point.dataset.benchmark, Number(point.dataset.turn), point.dataset.model);
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
  table.setAttribute("role", "grid");
  table.setAttribute("aria-label", `Outcomes of ${map.benchmark}`);

  const name = (row, column) => {
    const judged = map.judged[row][column];
    const runs = judged > 1 ? `, ${map.failed[row][column]} of ${judged} runs failed` : "";
    return `${map.models[row]}, turn ${map.turns[column]}: ${VERDICTS[map.codes[row][column]]}${runs}`;
  };
  cells.forEach((row, r) =>
    row.forEach((cell, c) => {
      cell.tabIndex = r || c ? -1 : 0;
      cell.setAttribute("aria-label", name(r, c));
      cell.setAttribute("aria-selected", "false");
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
      everyAnswer(map, column, -1, row),
    );
    byId(`live-${number}`).textContent = `${name(row, column)}. ${line} The texts follow the map.`;
  }

  function choose(row, column, focus) {
    if (!cells[row] || !cells[row][column]) return;
    const before = chosen ? cells[chosen[0]][chosen[1]] : cells[0][0];
    before.setAttribute("aria-selected", "false");
    before.tabIndex = -1;
    chosen = [row, column];
    const cell = cells[row][column];
    cell.tabIndex = 0;
    cell.setAttribute("aria-selected", "true");
    if (focus) cell.focus();
    show(row, column);
  }

  // The turn and the model's answer at a glance; the texts are put in when the pointer comes, not for every cell.
  table.addEventListener("mouseover", (event) => {
    const cell = event.target.closest("td");
    if (!cell || cell.title) return;
    const [row, column] = [cell.parentElement.sectionRowIndex, cell.cellIndex - 1];
    const held = textsOf(map.rows[row][column]);
    const user = userText(number, map.turns[column]);
    const short = (text) => (shown(text).length > 300 ? `${shown(text).slice(0, 299)}\u2026` : shown(text));
    cell.title = [
      name(row, column),
      ...(user === undefined ? [] : [`User: ${short(user)}`]),
      ...(held ? [`Answer: ${short(held[0]) || "(no words)"}`] : []),
    ].join("\n");
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
