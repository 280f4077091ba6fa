// Marking a part of the query image. The part is left, top, width, height, as shares of the image.

import { say } from "./say.js";

const STEP = 0.02;
const LEAST = 0.04;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// A part as an address has it. Rounded, it still lies in the image.
const written = ([left, top, width, height]) => {
  const start = [left, top].map((share) => Number(share.toFixed(4)));
  const extent = [width, height].map((share, side) => Math.min(share, 1 - start[side]));
  return [...start, ...extent].map((share) => Number(share.toFixed(4))).join(",");
};

export function cropping() {
  const figure = document.querySelector(".asked");
  const button = document.querySelector("button.crop");
  const form = document.querySelector(".part form"); // it carries the rest of the question
  if (!figure || !button || !form) return;
  const stage = figure.querySelector(".stage");
  const frame = document.createElement("div");
  frame.className = "frame";
  frame.setAttribute("role", "application");
  frame.setAttribute("aria-label", "The part to search with. Arrows move it, with Shift they change its size, Enter searches, Escape ends.");
  let part = figure.dataset.part?.split(",").map(Number) ?? null;
  const before = part;
  let cutting = false;

  const draw = () => {
    if (!part) {
      frame.remove();
      return;
    }
    const [left, top, width, height] = part.map((share) => `${100 * share}%`);
    Object.assign(frame.style, { left, top, width, height });
    if (!frame.isConnected) stage.append(frame); // anew, it would lose the focus
  };
  const label = () => {
    button.textContent = cutting ? (part ? "Search with this part" : "Cancel") : part ? "Another part" : "Search with a part";
  };
  const begin = () => {
    cutting = true;
    figure.classList.add("cutting");
    stage.classList.add("cutting");
    part ??= [0.25, 0.25, 0.5, 0.5];
    frame.tabIndex = 0;
    draw();
    label();
    frame.focus();
    say("Mark a part of the image: drag, or use the arrows; Enter searches.");
  };
  const end = () => {
    cutting = false;
    figure.classList.remove("cutting");
    stage.classList.remove("cutting");
    part = before;
    frame.removeAttribute("tabindex");
    draw();
    label();
    button.focus();
    say("");
  };
  const search = () => {
    const address = new URL(form.action);
    const rest = new URLSearchParams(new FormData(form));
    for (const name of ["left", "top", "width", "height"]) rest.delete(name);
    const others = rest.toString();
    address.search = `?crop=${written(part)}${others ? `&${others}` : ""}`;
    location.assign(address);
  };

  const at = (event) => {
    const box = stage.getBoundingClientRect();
    return [clamp((event.clientX - box.left) / box.width, 0, 1), clamp((event.clientY - box.top) / box.height, 0, 1)];
  };
  stage.addEventListener("pointerdown", (event) => {
    if (!cutting || event.button) return;
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    const from = at(event);
    const old = part;
    const inside = event.target === frame;
    const drag = (move) => {
      const to = at(move);
      if (inside) {
        part = [
          clamp(old[0] + to[0] - from[0], 0, 1 - old[2]), clamp(old[1] + to[1] - from[1], 0, 1 - old[3]), old[2], old[3],
        ];
      } else {
        const width = Math.abs(to[0] - from[0]);
        const height = Math.abs(to[1] - from[1]);
        if (width < LEAST || height < LEAST) return;
        part = [Math.min(from[0], to[0]), Math.min(from[1], to[1]), width, height];
      }
      draw();
    };
    const done = () => {
      stage.removeEventListener("pointermove", drag);
      frame.focus();
    };
    stage.addEventListener("pointermove", drag);
    stage.addEventListener("pointerup", done, { once: true });
    stage.addEventListener("pointercancel", done, { once: true });
  });
  frame.addEventListener("keydown", (event) => {
    const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (event.key === "Enter") search();
    else if (event.key === "Escape") end();
    else if (x || y) {
      const [left, top, width, height] = part;
      part = event.shiftKey
        ? [left, top, clamp(width + x * STEP, LEAST, 1 - left), clamp(height + y * STEP, LEAST, 1 - top)]
        : [clamp(left + x * STEP, 0, 1 - width), clamp(top + y * STEP, 0, 1 - height), width, height];
      draw();
    } else return;
    event.preventDefault();
  });
  button.addEventListener("click", () => (cutting ? search() : begin()));
  button.hidden = false;
  label();
  draw();
}
