// The list of groups: cards, a page at a time as one scrolls.

import { button, byId, make, number, plural, say } from "./dom.js";
import { get, trying } from "./api.js";
import { card } from "./card.js";
import { areUsual, filters, setFilters } from "./filters.js";
import { showProgress } from "./progress.js";

const list = byId("cards");
const state = { next: null, loading: null, asked: 0, pair: null, deeds: null, total: 0 };

export function addPage(page) {
  state.next = page.next;
  state.total = page.total;
  for (const group of page.cards) {
    if (filters.order === "folders" && group.folders.id !== state.pair) list.append(pairHeading(group));
    state.pair = group.folders.id;
    list.append(card(group, state.deeds));
  }
  showTotal();
  showProgress(page.progress);
}

function pairHeading({ folders }) {
  return make("li", { className: "pair" }, make("strong", {}, folders.names.join("  ↔  ")),
    make("span", {}, `${plural(folders.groups, "group")} · ${folders.freesText} can go`),
    filters.pair ? null : button("Only these", () => setFilters({ ...filters, pair: String(folders.id) }), { className: "plain", "aria-label": "Only the groups of " + folders.names.join(" and ") }));
}

function showTotal() {
  const none = state.total === 0;
  byId("total").textContent = none ? "No group" : plural(state.total, "group");
  const empty = byId("empty");
  empty.hidden = !none;
  if (!none) return;
  empty.textContent = filters.state === "open" && areUsual()
    ? "All is decided. “What would go” shows what an apply would do." : "No group is like that. Clear the filters, or show all.";
}

export async function loadList() {
  const asked = ++state.asked;
  const page = await trying(() => get("/api/groups", filters));
  if (!page || asked !== state.asked) return;
  list.replaceChildren();
  state.pair = null;
  addPage(page);
  say(byId("total").textContent);
}

async function loadMore() {
  if (!state.next || state.loading) return;
  const asked = state.asked;
  state.loading = trying(() => get("/api/groups", { ...filters, after: state.next }));
  const page = await state.loading;
  state.loading = null;
  if (page && asked === state.asked) addPage(page);
}

export const cards = () => [...list.querySelectorAll(".card")];
export const cardOf = (id) => list.querySelector(`.card[data-group="${Number(id)}"]`);
export const focused = () => document.activeElement.closest?.(".card");

// Put a group in the place of its card: nothing else moves.
export function renew(group) {
  const old = cardOf(group.id);
  if (!old) return;
  const had = old.contains(document.activeElement);
  const made = card({ ...group, folders: group.folders }, state.deeds);
  old.replaceWith(made);
  if (had) made.querySelector("button").focus({ preventScroll: true });
}

export function stepCard(direction) {
  const all = cards(), here = all.indexOf(focused());
  const visible = all.findIndex((one) => one.getBoundingClientRect().bottom > 140);
  const target = all[here < 0 ? Math.max(0, visible) : Math.min(all.length - 1, Math.max(0, here + direction))];
  if (!target) return;
  target.querySelector(".buttons button").focus({ preventScroll: true });
  target.scrollIntoView({ block: "nearest" });
  if (all.length - all.indexOf(target) < 6) loadMore();
}

// For who comes back from a group.
export function reveal(id) {
  const found = cardOf(id);
  if (!found) return;
  found.scrollIntoView({ block: "center" });
  found.querySelector(".buttons button").focus({ preventScroll: true });
}

export function startList(first, deeds) {
  state.deeds = deeds;
  addPage(first);
  new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) loadMore();
  }, { rootMargin: "1200px" }).observe(byId("more"));
}

export const totalWords = () => number(state.total);
