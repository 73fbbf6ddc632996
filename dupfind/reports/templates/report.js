"use strict";
// The list of groups: filter, search, sort; cards are made a batch at a time as one scrolls.
// Texts reach the page only through textContent, so no file name can become markup.

const BATCH = 16;
const FIRST_MEMBERS = 40;
const byId = (id) => document.getElementById(id);
const groups = JSON.parse(byId("report-groups").textContent);
const blocks = new Map();
const state = { relations: new Set(), text: "", sort: "frees", found: groups, made: 0 };

function picture(member) {
  if (member.block < 0) return "";
  if (!blocks.has(member.block)) {
    blocks.set(member.block, JSON.parse(byId("pictures-" + member.block).textContent));
  }
  return blocks.get(member.block)[member.photo] || "";
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function certainty(probability) {
  return probability >= 1 ? "100%" : (Math.floor(probability * 1000) / 10).toFixed(1) + "%";
}

function plain(text) {
  return text.normalize("NFC").toLocaleLowerCase();
}

const ORDERS = {
  frees: (a, b) => b.frees - a.frees || a.id - b.id,
  sure: (a, b) => b.probability - a.probability || b.lowest - a.lowest || a.id - b.id,
  doubt: (a, b) => a.probability - b.probability || a.lowest - b.lowest || a.id - b.id,
  size: (a, b) => b.members.length - a.members.length || b.frees - a.frees || a.id - b.id,
  name: (a, b) => a.members[0].path.localeCompare(b.members[0].path) || a.id - b.id,
};

function matches(group) {
  const { relations, text } = state;
  if (relations.size && !group.members.some((member) => relations.has(member.relation))) return false;
  if (!text) return true;
  group.searched ??= plain(group.members.map((member) => member.path).join("\n"));
  return group.searched.includes(text);
}

function showFound() {
  state.found = groups.filter(matches).sort(ORDERS[state.sort]);
  state.made = 0;
  byId("groups").replaceChildren();
  const all = groups.length.toLocaleString("en"), some = state.found.length.toLocaleString("en");
  byId("shown").textContent = groups.length === 0 ? "No duplicates were found."
    : state.found.length === 0 ? "No group matches; clear the search or the filter."
    : state.found.length === groups.length ? "All " + all + (groups.length === 1 ? " group" : " groups")
    : some + " of " + all + " groups";
  makeMore();
}

function makeMore() {
  const next = state.found.slice(state.made, state.made + BATCH);
  state.made += next.length;
  byId("groups").append(...next.map(card));
  byId("more").hidden = state.made >= state.found.length;
}

function card(group) {
  const item = element("li", "group");
  item.dataset.group = group.id;
  const heading = element("h2", "", "Group " + group.id);
  heading.append(
    element("small", "", group.members.length + " photos · lowest similarity " + group.lowest.toFixed(2)),
    ...(group.state ? [element("span", "state", group.state)] : []),
    element("span", "frees", group.frees ? "frees " + group.freesText : ""),
  );
  const row = element("div", "photos");
  const make = (from, to) => group.members.slice(from, to).map((member, place) => figure(group, member, from + place, row));
  row.append(...make(0, FIRST_MEMBERS));
  item.append(heading, row);
  for (const name of group.alsoIn) item.append(element("p", "also", "Also appears in " + name));
  if (group.members.length > FIRST_MEMBERS) {
    const more = element("button", "chip all", "Show all " + group.members.length.toLocaleString("en") + " photos");
    more.type = "button";
    more.addEventListener("click", () => {
      row.append(...make(FIRST_MEMBERS));
      more.remove();
    });
    item.append(more);
  }
  return item;
}

function figure(group, member, index, row) {
  const made = element("figure", member.keep ? "keep" : "copy");
  const frame = element("button", "frame");
  frame.type = "button";
  frame.title = member.path;
  frame.setAttribute("aria-label", "Compare " + member.name + ", " + member.badge);
  frame.append(sheet(group, member));
  frame.addEventListener("click", () => openCompare(group, Math.max(1, index), frame));
  const point = (on) => {
    if (!member.box.length) return;
    row.classList.toggle("pointing", on);
    row.querySelectorAll(".box").forEach((box) => box.classList.toggle("on", on && box.dataset.photo === String(member.photo)));
  };
  for (const [name, on] of [["pointerenter", true], ["focusin", true], ["pointerleave", false], ["focusout", false]]) {
    made.addEventListener(name, () => point(on));
  }
  made.append(frame, caption(member));
  return made;
}

function sheet(group, member) {
  const source = picture(member);
  if (!source) return element("span", "none", "no picture");
  const made = element("span", "sheet"), image = element("img");
  image.alt = "";
  image.decoding = "async";
  image.src = source;
  made.append(image, ...boxesOn(group, member).map(boxElement));
  return made;
}

// A crop's box lies on the larger picture of the two: the one of which more is to be seen.
function boxesOn(group, member) {
  const kept = group.members[0];
  if (member.keep) return group.members.filter((other) => other.box.length === 4 && !other.larger);
  return member.box.length === 4 && member.larger && kept ? [member] : [];
}

function boxElement(member) {
  const [left, top, right, bottom] = member.box;
  const made = element("span", "box");
  made.dataset.photo = member.photo;
  made.style.left = 100 * left + "%";
  made.style.top = 100 * top + "%";
  made.style.width = 100 * (right - left) + "%";
  made.style.height = 100 * (bottom - top) + "%";
  return made;
}

function caption(member) {
  const made = element("figcaption");
  made.append(element("span", "badge", member.badge));
  if (!member.keep) {
    made.append(element("span", "sure", certainty(member.probability) + " sure · " + member.similarity.toFixed(2)));
  }
  made.append(element("span", "named", member.name));
  if (member.folder) made.append(element("span", "folder", member.folder));
  made.append(element("span", "facts", member.facts));
  if (member.why) made.append(element("span", "why", member.why));
  if (member.reason) made.append(element("span", "reason " + member.advice, member.reason));
  if (member.decided) made.append(element("span", "decided", member.decided));
  return made;
}

function step(direction) {
  const cards = [...byId("groups").children];
  const top = byId("groups").getBoundingClientRect().top;
  const here = cards.findIndex((item) => item.contains(document.activeElement));
  const start = here >= 0 ? here : cards.findIndex((item) => item.getBoundingClientRect().bottom > 130 && top < 130) - (direction > 0 ? 1 : 0);
  const target = cards[Math.min(cards.length - 1, Math.max(0, start + direction))];
  if (!target) return;
  if (target === cards.at(-1)) makeMore();
  target.querySelector("button").focus({ preventScroll: true });
  target.scrollIntoView({ block: "start" });
}

function onListKey(event) {
  const typing = event.target.matches("input, select");
  if (event.key === "Escape" && typing) event.target.blur();
  if (typing || byId("compare").open || event.ctrlKey || event.metaKey || event.altKey) return;
  const actions = { j: () => step(1), k: () => step(-1), "/": () => byId("search").focus() };
  if (actions[event.key]) {
    event.preventDefault();
    actions[event.key]();
  }
}

function toggleRelation(chip) {
  const relation = chip.dataset.relation, on = !state.relations.has(relation);
  if (on) state.relations.add(relation); else state.relations.delete(relation);
  chip.setAttribute("aria-pressed", on);
  showFound();
}

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

function startList() {
  byId("chips").addEventListener("click", (event) => {
    const chip = event.target.closest(".chip");
    if (chip) toggleRelation(chip);
  });
  byId("search").addEventListener("input", (event) => {
    state.text = plain(event.target.value.trim());
    showFound();
  });
  byId("sort").addEventListener("change", (event) => {
    state.sort = event.target.value;
    showFound();
  });
  byId("theme").addEventListener("click", toggleTheme);
  document.addEventListener("keydown", onListKey);
  new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) makeMore();
  }, { rootMargin: "1500px" }).observe(byId("more"));
  showFound();
}
