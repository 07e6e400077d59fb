"use strict";

const theme = document.getElementById("theme");
const isDark = () => (document.documentElement.dataset.theme
  ? document.documentElement.dataset.theme === "dark"
  : matchMedia("(prefers-color-scheme: dark)").matches);
const nameTheme = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
theme.hidden = false;
nameTheme();
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  nameTheme();
});

const keyOf = (row, column) => {
  const text = row.cells[column].dataset.sort;
  const number = text === "" ? NaN : Number(text);
  return { text, number, missing: text === "" };
};

const compare = (a, b) => (Number.isNaN(a.number) || Number.isNaN(b.number)
  ? a.text.localeCompare(b.text)
  : a.number - b.number);

function sortBy(table, column) {
  const headings = [...table.tHead.rows[0].cells];
  const ascending = headings[column].getAttribute("aria-sort") !== "ascending";
  headings.forEach((heading) => heading.setAttribute("aria-sort", "none"));
  headings[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, key: keyOf(row, column) }));
  rows.sort((a, b) => a.key.missing - b.key.missing
    || (ascending ? 1 : -1) * compare(a.key, b.key));
  body.append(...rows.map(({ row }) => row));
}

document.querySelectorAll("table.sortable").forEach((table) => {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => sortBy(table, column));
  });
});
