// One line for the person in front of it, also read out.

let timer = 0;

export function say(text, seconds = 6) {
  const line = document.querySelector(".said");
  line.textContent = text;
  clearTimeout(timer);
  if (seconds) timer = setTimeout(() => { line.textContent = ""; }, 1000 * seconds);
}
