// The keyboard: arrows move through the grid, / goes to the search, r gives another selection,
// + and - add the image in focus to the question. Enter follows the link.

const typing = (element) => element?.matches("input:not([type=file]), textarea, select, [contenteditable]");

function above(tiles, from, down) {
  // In the next row up or down, the tile whose middle is nearest.
  const box = from.getBoundingClientRect();
  const middle = box.left + box.width / 2;
  const row = tiles.map((tile) => [tile, tile.getBoundingClientRect()])
    .filter(([, each]) => (down ? each.top >= box.bottom - 1 : each.bottom <= box.top + 1));
  if (!row.length) return undefined;
  const edge = down ? Math.min(...row.map(([, each]) => each.top)) : Math.max(...row.map(([, each]) => each.top));
  return row.filter(([, each]) => Math.abs(each.top - edge) < 4)
    .map(([tile, each]) => [Math.abs(each.left + each.width / 2 - middle), tile])
    .sort((a, b) => a[0] - b[0])[0][1];
}

export function moving() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "/") {
      const search = document.querySelector(".find input") ?? document.querySelector(".ask input");
      if (search) {
        event.preventDefault();
        search.focus();
      }
      return;
    }
    if (event.key === "r") {
      document.querySelector("[data-key=r]")?.click();
      return;
    }
    if (event.key === "+" || event.key === "-") {
      const to = event.key === "+" ? ".more-like" : ".less-like";
      document.activeElement?.closest?.(".cell")?.querySelector(to)?.click();
      return;
    }
    if (event.key === "Escape") {
      for (const open of document.querySelectorAll("details[open]")) {
        const inside = open.contains(document.activeElement);
        open.open = false;
        if (inside) open.querySelector("summary").focus();
      }
      return;
    }
    const tiles = [...document.querySelectorAll(".tile")];
    const at = document.activeElement?.closest?.(".cell")?.querySelector(".tile");
    if (!tiles.length || (!at && document.activeElement !== document.body && document.activeElement?.id !== "main")) return;
    const place = tiles.indexOf(at);
    const to = {
      ArrowRight: () => tiles[place + 1],
      ArrowLeft: () => tiles[place - 1],
      ArrowDown: () => (at ? above(tiles, at, true) : tiles[0]),
      ArrowUp: () => at && above(tiles, at, false),
      Home: () => at && tiles[0],
      End: () => at && tiles.at(-1),
    }[event.key]?.();
    if (!to) return;
    event.preventDefault();
    to.focus({ preventScroll: true });
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    to.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
  });
}
