"use strict";
// Everything can be read without this: it adds copying, filtering and the values of cells.
for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    const said = button.parentElement.querySelector(".copy-said");
    try {
      await navigator.clipboard.writeText(source.textContent);
      said.textContent = "Copied.";
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      said.textContent = "Selected: press Ctrl+C.";
    }
  });
}

for (const maps of document.querySelectorAll(".maps")) {
  const readout = maps.querySelector(".readout");
  if (!readout) continue;
  const which = readout.querySelector(".which"), value = readout.querySelector(".value");
  const first = [which.textContent, value.textContent];
  const show = (cell) => {
    which.textContent = "";
    value.textContent = cell.getAttribute("aria-label") + ".";
  };
  const rest = () => {
    const cell = maps.querySelector("td:focus");
    if (cell) show(cell);
    else [which.textContent, value.textContent] = first;
  };
  maps.addEventListener("pointerover", (event) => {
    const cell = event.target.closest("td");
    if (cell) show(cell);
  });
  maps.addEventListener("pointerout", rest);
  maps.addEventListener("focusin", (event) => event.target.matches("td") && show(event.target));
  maps.addEventListener("focusout", () => setTimeout(rest));
  for (const grid of maps.querySelectorAll("table.heat")) {
    grid.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      const cell = event.target.closest("td");
      if (!move || !cell) return;
      event.preventDefault();
      const row = grid.rows[cell.parentElement.rowIndex + move[0]];
      const next = row && row.cells[cell.cellIndex + move[1]];
      if (!next) return;
      cell.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
  }
}

const filters = document.querySelector(".filters");
if (filters) {
  filters.hidden = false;
  const rows = [...document.querySelectorAll(".bugs tbody tr")];
  const text = document.getElementById("bug-text"), site = document.getElementById("bug-site");
  const state = document.getElementById("bug-state"), count = document.getElementById("bug-count");
  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const content = row.cells[0].textContent.toLowerCase() + " " + row.dataset.site;
      const fits = words.every((word) => content.includes(word)) &&
        (!site.value || row.dataset.site === site.value) &&
        (!state.value || row.dataset.state === state.value);
      row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${rows.length} bugs`;
  };
  filters.addEventListener("input", filter);
  filter();
}

addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));
