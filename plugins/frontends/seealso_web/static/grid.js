// Thumbnails that fade in, and more of them on demand.

import { say } from "./say.js";

export function showing(where) {
  for (const image of where.querySelectorAll(".tile img")) {
    if (image.complete) continue;
    image.classList.add("coming");
    const come = () => image.classList.remove("coming");
    image.addEventListener("load", come, { once: true });
    image.addEventListener("error", come, { once: true });
  }
}

export function more() {
  const place = document.querySelector(".further");
  place?.addEventListener("click", async (event) => {
    const link = event.target.closest(".more");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (document.body.classList.contains("busy")) return;
    document.body.classList.add("busy");
    try {
      const answer = await fetch(link.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!answer.ok) throw new Error(page.querySelector("main p")?.textContent);
      const cells = [...page.querySelectorAll(".grid > .cell")].map((cell) => document.adoptNode(cell));
      document.querySelector(".grid").append(...cells);
      showing(document);
      if (document.activeElement === link) cells[0]?.querySelector("a").focus({ preventScroll: true });
      place.replaceChildren(...page.querySelector(".further").childNodes);
      say(`${cells.length} more images`, 2);
    } catch (error) {
      say(error.message || "The server does not answer; please try again.");
    } finally {
      document.body.classList.remove("busy");
    }
  });
}
