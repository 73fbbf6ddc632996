// Make and find elements. Texts reach the page through textContent only: no name becomes markup.

export const byId = (id) => document.getElementById(id);

// make("button", { className: "main", type: "button", onclick }, "Keep", other)
export function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else if (name === "dataset") Object.assign(made.dataset, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

export function button(words, onclick, properties = {}) {
  return make("button", { type: "button", onclick, ...properties }, words);
}

export function isTyping(target) {
  return target.matches("input:not([type=range]):not([type=checkbox]):not([type=radio]), select, textarea");
}

// Said aloud by screen readers.
export function say(words) {
  const live = byId("live");
  live.textContent = "";
  requestAnimationFrame(() => { live.textContent = words; });
}

let hiding = 0;
export function trouble(words) {
  const shown = byId("trouble");
  shown.textContent = words;
  shown.hidden = !words;
  clearTimeout(hiding);
  if (words) hiding = setTimeout(() => { shown.hidden = true; }, 12000);
}

export const number = (value) => value.toLocaleString("en");
export const plural = (value, noun) => number(value) + " " + noun + (value === 1 ? "" : "s");

export function certainty(probability) {
  return probability >= 1 ? "100%" : (Math.floor(probability * 1000) / 10).toFixed(1) + "%";
}
