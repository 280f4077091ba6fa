// An image of one's own: chosen, dropped anywhere, or pasted. All of them go through the form that is there without scripts.

import { say } from "./say.js";

export function sending() {
  const form = document.querySelector(".ask");
  if (!form) return;
  const input = form.querySelector("input[type=file]");
  const veil = document.querySelector(".drop");

  const send = () => {
    const file = input.files[0];
    if (!file) return;
    const most = Number(form.dataset.bytes);
    if (file.size > most) {
      input.value = "";
      say(`This file is larger than ${Math.floor(most / 2 ** 20)} MB, the most that is taken here.`);
      return;
    }
    document.body.classList.add("busy");
    say("Looking for images like yours …", 0);
    form.requestSubmit();
  };
  const take = (files) => {
    const file = [...files].find((each) => each.type.startsWith("image/") || /\.(heic|heif|jp2|ppm|tiff?)$/i.test(each.name));
    if (!file) {
      say("That is no image; drop or paste an image file.");
      return;
    }
    const list = new DataTransfer();
    list.items.add(file);
    input.files = list.files;
    send();
  };

  input.addEventListener("change", send);
  // On the way back the page may come from memory, as it was left.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    document.body.classList.remove("busy");
    say("");
    form.reset();
  });
  const brings = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) veil.hidden = true;
  });
  document.addEventListener("drop", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    veil.hidden = true;
    take(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) {
      event.preventDefault();
      take(event.clipboardData.files);
    }
  });
}
