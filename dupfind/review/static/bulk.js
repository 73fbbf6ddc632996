// Rules for many groups: chosen, previewed with counts and samples, done as one step.

import { button, byId, make, number, plural, say } from "./dom.js";
import { post, tellTabs, trying } from "./api.js";
import { thumbnail } from "./card.js";
import { closeDialog, openDialog } from "./dialogs.js";
import { filters } from "./filters.js";

const RULES = {
  "advised": "Keep the one kept by advice", "largest": "Keep the one with most pixels", "most-bytes": "Keep the largest file",
  "oldest": "Keep the oldest", "newest": "Keep the newest", "shortest-path": "Keep the shortest path",
  "keep-all": "Keep all of every group", "not-duplicates": "None are duplicates", "later": "Put off till later",
};
const WHOLE = ["keep-all", "not-duplicates", "later"];
let done = () => {};
export const onBulk = (listen) => { done = listen; };

export function showBulk() {
  const rule = make("select", { name: "name" }, ...Object.entries(RULES).map(([value, words]) => make("option", { value }, words)));
  const folder = make("select", { name: "folder" }, make("option", { value: "" }, "any folder"), ...[...byId("filters").elements.folder.options].slice(1).map((option) => make("option", { value: option.value }, option.textContent)));
  const which = make("select", { name: "all" }, make("option", { value: "" }, "only what nothing is lost with"), make("option", { value: "all" }, "all others, whatever is lost"));
  const form = make("form", { className: "rule" },
    make("label", { className: "field" }, make("span", {}, "Rule"), rule),
    make("label", { className: "field" }, make("span", {}, "Keep first what is in"), folder),
    make("label", { className: "field" }, make("span", {}, "Remove"), which),
    make("button", { type: "submit", className: "main" }, "Look at it first"));
  const found = make("div", { id: "rule-preview" });
  rule.addEventListener("change", () => { folder.disabled = which.disabled = WHOLE.includes(rule.value); });
  form.addEventListener("input", () => found.replaceChildren());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    preview(chosen(form), found);
  });
  const words = make("p", { className: "quiet" }, `It decides the ${byId("total").textContent.toLowerCase()} that the list shows now, and no other. One Undo takes all of it back.`);
  openDialog("Rules for many groups", "bulk", words, form, found);
}

function chosen(form) {
  const folder = form.elements.folder.value;
  return { name: form.elements.name.value, all: form.elements.all.value === "all", folder: folder ? Number(folder) : null };
}

async function preview(rule, found) {
  found.replaceChildren(make("p", { className: "quiet" }, "Looking…"));
  const seen = await trying(() => post("/api/bulk/preview", { rule, filters }));
  if (!seen) return found.replaceChildren();
  const lines = [make("p", { className: "counts" }, seen.words)];
  if (seen.passedOver) lines.push(make("p", { className: "quiet" }, `${plural(seen.passedOver, "group")} left as they are: the rule removes nothing of them.`));
  if (seen.unsure) lines.push(make("p", { className: "warning" }, `${number(seen.unsure)} of the photos to remove have something that the kept one lacks.`));
  const apply = button(`Decide ${plural(seen.groups, "group")}`, () => decide(rule, seen.stamp, apply), { className: "main", disabled: !seen.groups });
  found.replaceChildren(...lines, make("ul", { className: "samples" }, ...seen.samples.map(sample)), apply);
  say(seen.words);
  return undefined;
}

function sample(group) {
  const photos = group.members.slice(0, 6).map((member) => make("span", { className: member.goes ? "goes" : "stays" }, thumbnail(member), make("small", {}, (member.goes ? "✕ " : "✓ ") + member.name)));
  return make("li", {}, ...photos);
}

async function decide(rule, stamp, asked) {
  asked.disabled = true;
  asked.textContent = "Deciding…";
  const made = await trying(() => post("/api/bulk/apply", { rule, filters, stamp }));
  if (!made) return asked.replaceWith(make("p", { className: "warning" }, byId("trouble").textContent));
  closeDialog();
  tellTabs({ all: true });
  done(made);
  return undefined;
}
