// The collection's own words, while one is being typed.

const PAUSE = 120; // milliseconds without a key

export function suggesting() {
  const list = document.getElementById("suggested");
  if (!list) return;
  let timer = 0;
  let asked = 0;
  for (const input of document.querySelectorAll("input[data-suggest]")) {
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const [, before, begun] = input.value.match(/^(.*?)([\p{L}\p{N}\p{M}]*)$/su);
        const number = ++asked;
        let words = [];
        if (begun.length > 1) {
          try {
            const answer = await fetch(`${input.dataset.suggest}?q=${encodeURIComponent(begun)}`);
            if (answer.ok) ({ words } = await answer.json());
          } catch {
            // Without suggestions one can search as well.
          }
        }
        // An answer that was overtaken by a later one is of no use.
        if (number !== asked) return;
        list.replaceChildren(...words.map((word) => Object.assign(document.createElement("option"), { value: before + word })));
      }, PAUSE);
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") input.blur();
    });
  }
}
