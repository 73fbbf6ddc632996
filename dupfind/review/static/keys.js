// Which key does what: known to all of the page, changed by the person, off while somebody types.

import { isTyping } from "./dom.js";
import { remember } from "./api.js";

// Name -> [key, what it does]. Keys 1 to 9 are photos and stay what they are.
export const ACTIONS = {
  "keep": ["a", "Keep only the left one, remove the others"],
  "keep-right": ["d", "Keep only the right one, remove the others"],
  "keep-all": ["k", "Keep all"],
  "not-duplicates": ["n", "Not duplicates: this photo and the others"],
  "drop": ["x", "Mark this one to go, or to stay"],
  "marks": ["Enter", "Save the marks"],
  "later": ["l", "Later"],
  "next": [" ", "Next undecided group"],
  "undo": ["u", "Undo the last step"],
  "previous-photo": ["ArrowLeft", "Photo before"],
  "next-photo": ["ArrowRight", "Next photo"],
  "previous-group": ["Shift+ArrowLeft", "Group before"],
  "next-group": ["Shift+ArrowRight", "Next group"],
  "zoom": ["z", "To 100% and back"],
  "zoom-in": ["+", "Larger"],
  "zoom-out": ["-", "Smaller"],
  "side": ["s", "Side by side"],
  "flick": ["f", "Flick: each press shows the other one"],
  "slider": ["v", "Slider"],
  "difference": ["o", "Difference"],
  "align": ["t", "Aligned, or as they are"],
  "facts": ["m", "All facts, or only what differs"],
  "compare-with": ["c", "Compare the others with this one"],
  "open": ["e", "Open the group"],
  "list": ["Escape", "Back to the list"],
  "search": ["/", "Search"],
  "bulk": ["b", "Rules for many groups"],
  "plan": ["p", "What would go"],
  "find": ["q", "Find a picture"],
  "keys": ["?", "All keys"],
};

const chosen = {};
const handlers = {};

export const keyOf = (action) => chosen[action] ?? ACTIONS[action][0];

export function nameOf(key) {
  const names = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };
  if (key.length === 1) return names[key] ?? key.toUpperCase();
  return key.split("+").map((part) => names[part] ?? part).join(" ");
}

export function useKeys(saved) {
  for (const [action, key] of Object.entries(saved || {})) {
    if (action in ACTIONS && typeof key === "string" && !actionOf(key, action)) chosen[action] = key;
  }
}

export function actionOf(key, except = "") {
  return Object.keys(ACTIONS).find((action) => action !== except && keyOf(action) === key);
}

// Give an action another key; return the action that has it already, or nothing when it was done.
export function changeKey(action, key) {
  const holder = /^[1-9]$/.test(key) ? "photos 1 to 9" : actionOf(key, action);
  if (holder) return ACTIONS[holder]?.[1] ?? holder;
  chosen[action] = key;
  remember({ keys: chosen });
  return "";
}

export function resetKeys() {
  for (const action of Object.keys(chosen)) delete chosen[action];
  remember({ keys: {} });
}

export function keyOfEvent(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return event.shiftKey && event.key.length > 1 ? "Shift+" + key : key;
}

// handle({ "keep-all": () => ..., photo: (place) => ... }) adds what the actions do.
export function handle(more) {
  Object.assign(handlers, more);
}

export function perform(action, ...details) {
  return handlers[action]?.(...details);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (document.querySelector("dialog[open]")) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const key = keyOfEvent(event);
  // A button, link or slider that has the focus takes the keys that are its own.
  const own = event.target.matches("button, a, summary, input[type=checkbox], input[type=radio]");
  if (own && (key === "Enter" || key === " ") && !event.target.closest("[data-keys-pass]")) return;
  if (event.target.matches("input[type=range]") && key.startsWith("Arrow")) return;
  const action = /^[1-9]$/.test(key) ? "photo" : actionOf(key);
  if (!action || !handlers[action]) return;
  if (handlers[action](Number(key) - 1) !== false) event.preventDefault();
}

export function startKeys() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", (event) => {
    const asked = event.target.closest("[data-do]");
    if (asked) perform(asked.dataset.do, -1, asked);
  });
}
