// All keys, each to be changed.

import { button, make, say } from "./dom.js";
import { isShown, openDialog } from "./dialogs.js";
import { ACTIONS, changeKey, keyOf, keyOfEvent, nameOf, resetKeys } from "./keys.js";

const IGNORED = ["Shift", "Control", "Alt", "Meta", "Tab", "CapsLock", "Dead"];
let stop = () => {};

export function showKeys() {
  const fixed = make("tr", {}, make("td", {}, make("kbd", {}, "1"), " – ", make("kbd", {}, "9")), make("td", {}, "Keep this photo of the group, remove the others"), make("td"));
  const rows = Object.keys(ACTIONS).map(row);
  const words = make("p", { className: "quiet" }, "Keys rest while you type, and in dialogs. Tab and Enter reach everything too.");
  openDialog("Keys", "keys", words, make("table", { className: "keys" }, make("tbody", {}, fixed, ...rows)),
    button("As they were at first", () => { resetKeys(); showKeys(); }, { className: "plain" }));
}

function row(action) {
  const change = button("Change", () => listen(action, change), { "aria-label": "Change the key for: " + ACTIONS[action][1] });
  return make("tr", { dataset: { action } }, make("td", {}, make("kbd", {}, nameOf(keyOf(action)))), make("td", {}, ACTIONS[action][1]), make("td", {}, change));
}

// The next key is the new one; Escape leaves it as it was.
function listen(action, change) {
  stop();
  change.textContent = "Press a key";
  const onKey = (event) => {
    if (IGNORED.includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    stop();
    if (event.key !== "Escape") take(action, keyOfEvent(event));
    else renew(action, "");
  };
  document.addEventListener("keydown", onKey, true);
  stop = () => {
    document.removeEventListener("keydown", onKey, true);
    change.textContent = "Change";
    stop = () => {};
  };
  document.getElementById("dialog").addEventListener("close", () => stop(), { once: true });
}

function take(action, key) {
  const holder = changeKey(action, key);
  renew(action, holder ? `${nameOf(key)} is taken by: ${holder}` : "");
  say(holder ? `${nameOf(key)} is taken by: ${holder}` : `${ACTIONS[action][1]}: ${nameOf(key)}`);
}

function renew(action, refused) {
  if (!isShown("keys")) return;
  const old = document.querySelector(`tr[data-action="${action}"]`), made = row(action);
  if (refused) made.children[1].append(make("span", { className: "refused" }, refused));
  old.replaceWith(made);
  made.querySelector("button").focus();
}
