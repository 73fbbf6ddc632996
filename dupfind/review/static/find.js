// A picture dropped on the page, or chosen, is a question: where are its copies?

import { button, byId, certainty, make, say, plural } from "./dom.js";
import { send, trying } from "./api.js";
import { thumbnail } from "./card.js";
import { openDialog } from "./dialogs.js";

let open = () => {};

async function find(file) {
  const asked = make("img", { alt: "The picture asked for", className: "asked" });
  const address = URL.createObjectURL(file);
  asked.src = address;
  // Hidden, not taken out: it is put in again with the answer.
  asked.addEventListener("error", () => { asked.hidden = true; });
  asked.addEventListener("load", () => URL.revokeObjectURL(address));
  openDialog("Find a picture", "find", asked, make("p", { className: "quiet" }, "Looking for " + file.name + "…"));
  const found = await trying(() => send("/api/query", file));
  if (!found) {
    openDialog("Find a picture", "find", asked, make("p", { className: "warning" }, "It could not be looked for: " + byId("trouble").textContent));
    return;
  }
  const words = found.matches.length ? plural(found.matches.length, "photo") + " nearest to " + file.name : "The library holds no photo like " + file.name;
  openDialog("Find a picture", "find", asked, make("p", { className: "counts" }, words), make("ul", { className: "matches" }, ...found.matches.map(match)));
  say(words);
}

function match(one) {
  const sure = one.probability >= 0.5 ? `${one.relation} · ${certainty(one.probability)} sure` : `looks alike (${one.similarity.toFixed(2)})`;
  return make("li", { className: one.probability >= 0.5 ? "copy" : "" }, thumbnail(one), make("div", {}, make("strong", {}, one.name), make("span", {}, one.folder), make("span", {}, one.facts), make("span", {}, sure)),
    one.group ? button("Look", () => open(one.group, one.photo), { "aria-label": "Look at group " + one.group }) : make("span", { className: "quiet" }, "in no group"));
}

export function choosePicture() {
  byId("picture-file").click();
}

export function startFind(onOpen) {
  open = onOpen;
  const input = byId("picture-file"), drop = byId("drop");
  input.addEventListener("change", () => {
    if (input.files[0]) find(input.files[0]);
    input.value = "";
  });
  const holdsFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let inside = 0;
  const show = (on) => { drop.hidden = !on; };
  document.addEventListener("dragenter", (event) => { if (holdsFile(event)) { inside++; show(true); } });
  document.addEventListener("dragleave", (event) => { if (holdsFile(event) && --inside <= 0) { inside = 0; show(false); } });
  document.addEventListener("dragover", (event) => { if (holdsFile(event)) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    inside = 0;
    show(false);
    if (event.dataTransfer.files[0]) find(event.dataTransfer.files[0]);
  });
}
