// The filters and the order: a form, kept in `filters`, remembered by the library.

import { byId, make, number } from "./dom.js";
import { get, remember, trying } from "./api.js";

const NAMES = ["text", "order", "state", "advice", "surest", "least_bytes", "folder", "pair", "relations"];
const USUAL = { text: "", order: "frees", state: "open", advice: "", surest: "", least_bytes: "", folder: "", pair: "", relations: "" };
const RELATIONS = {
  "identical": "identical", "same-pixels": "same pixels", "reencoded": "re-encoded", "resized": "resized", "cropped": "cropped",
  "rotated": "rotated", "mirrored": "mirrored", "recoloured": "recoloured", "edited": "edited", "composite": "composite",
  "variant": "variant", "overlapping": "overlapping", "similar": "similar",
};

const MOST_FOLDERS = 100;
export const filters = { ...USUAL };
const form = byId("filters");
let changed = () => {};

export const areUsual = () => NAMES.every((name) => name === "order" || filters[name] === USUAL[name]);

function read() {
  const values = new FormData(form);
  for (const name of NAMES) if (name !== "relations" && name !== "pair") filters[name] = String(values.get(name) ?? "");
  filters.relations = values.getAll("relation").join(",");
  count();
  remember({ filters: { ...filters } });
  changed();
}

function count() {
  const set = ["advice", "surest", "least_bytes", "folder", "pair", "relations"].filter((name) => filters[name]).length;
  byId("more-filters").textContent = set ? `Filters (${set})` : "Filters";
}

function write() {
  for (const name of NAMES) if (form.elements[name]) form.elements[name].value = filters[name];
  const relations = filters.relations.split(",");
  for (const box of form.querySelectorAll("[name=relation]")) box.checked = relations.includes(box.value);
  count();
}

export function setFilters(values) {
  Object.assign(filters, USUAL, values);
  write();
  remember({ filters: { ...filters } });
  changed();
}

function addFacets({ counts, folders }) {
  const found = Object.entries(RELATIONS).filter(([name]) => counts.relations?.[name]);
  byId("relations").append(...found.map(([name, words]) => make("label", { className: "chip" },
    make("input", { type: "checkbox", name: "relation", value: name }), make("span", {}, words, make("small", {}, number(counts.relations[name]))))));
  form.elements.folder.append(...folders.map(option));
  byId("find-folder").hidden = folders.length < MOST_FOLDERS;
}

const option = (folder) => make("option", { value: String(folder.id) }, `${folder.name} (${number(folder.groups)})`);

// Of many folders the list holds those of most groups, or those that a text is in.
async function findFolder(text) {
  const found = await trying(() => get("/api/folders", { text }));
  if (!found) return;
  const select = form.elements.folder, chosen = [...select.options].filter((one) => !one.value || one.selected);
  select.replaceChildren(...chosen, ...found.folders.filter((folder) => String(folder.id) !== select.value).map(option));
  select.focus();
}

export function startFilters(facets, saved, onChange) {
  addFacets(facets);
  if (saved && typeof saved === "object") for (const name of NAMES) if (typeof saved[name] === "string") filters[name] = saved[name];
  write();
  changed = onChange;
  let typing = 0;
  form.addEventListener("input", (event) => {
    if (!event.target.name) return;
    clearTimeout(typing);
    typing = setTimeout(read, event.target.name === "text" ? 250 : 0);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  byId("find-folder").querySelector("input").addEventListener("change", (event) => findFolder(event.target.value));
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    setFilters({});
  });
  byId("more-filters").addEventListener("click", () => {
    const further = byId("further");
    further.hidden = !further.hidden;
    byId("more-filters").setAttribute("aria-expanded", String(!further.hidden));
  });
}
