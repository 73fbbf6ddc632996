// One group at full size: look, compare, decide, go on to the next.

import { byId, certainty, make, number, plural, say } from "./dom.js";
import { get, remember, trying } from "./api.js";
import { STATES, nameOfPhoto, thumbnail } from "./card.js";
import { filters } from "./filters.js";
import { keyOf, nameOf } from "./keys.js";
import { showFacts, showWords } from "./details.js";
import * as stage from "./stage.js";

// group: what is shown; first, second: places of the two photos; marks: ids to remove, not saved yet.
export const state = { group: null, first: 0, second: 1, marks: new Set(), pairs: new Map(), asked: 0 };

export const photoOf = (which) => state.group.members[state[which]].photo;
export const isOpen = () => !byId("group-view").hidden;

export async function openGroup(id, photo = null) {
  const group = await trying(() => get("/api/groups/" + Number(id)));
  if (group) showGroup(group, photo);
  return Boolean(group);
}

export function showGroup(group, photo = null) {
  const same = state.group?.id === group.id;
  const place = group.members.findIndex((member) => member.photo === photo);
  Object.assign(state, { group, first: 0, second: place > 0 ? place : same ? Math.min(state.second, group.members.length - 1) : 1, pairs: new Map() });
  state.marks = proposed(group);
  byId("list-view").hidden = true;
  byId("group-view").hidden = false;
  document.body.classList.add("deciding");
  if (location.hash !== "#group-" + group.id) history.pushState(null, "", "#group-" + group.id);
  remember({ group: group.id, view: "group" });
  title();
  showStrip();
  showPair();
  prefetch();
  // Else a key would press the button of the group before once more.
  if (!same) {
    byId("group-title").focus({ preventScroll: true });
    scrollTo(0, 0); // on a phone one had scrolled down, to the card or to the words
  }
  say(`Group ${group.id}, ${plural(group.members.length, "photo")}, ${STATES[group.state] || "undecided"}`);
}

// What is decided; else what the advice lets go.
function proposed(group) {
  const decided = group.members.some((member) => member.verdict);
  const goes = (member) => (decided ? member.verdict === "remove" : member.advice === "remove" && !member.reference);
  return new Set(group.members.filter(goes).map((member) => member.photo));
}

function title() {
  const { group } = state;
  byId("group-title").replaceChildren(plural(group.members.length, "photo"),
    make("small", {}, `group ${number(group.id)} · least sure ${certainty(group.probability)}${group.frees ? " · " + group.freesText + " can go" : ""}`),
    make("span", { className: "state " + group.state }, STATES[group.state]));
}

function showStrip() {
  const { group } = state;
  byId("strip").replaceChildren(...group.members.map((member, place) => slide(member, place, group.members.length)));
  markCurrent();
}

function slide(member, place, all) {
  const goes = state.marks.has(member.photo);
  const opener = make("button", { type: "button", className: "frame", title: member.path, "aria-label": nameOfPhoto(member, place, all), onclick: () => choose(place) }, thumbnail(member));
  if (place < 9) opener.append(make("kbd", {}, String(place + 1)));
  const drop = make("button", { type: "button", className: "drop-mark", disabled: member.reference, onclick: () => toggleMark(place),
    "aria-pressed": String(goes), "aria-label": `Remove ${member.name}` }, goes ? "✕ goes" : member.reference ? "reference" : "✓ stays");
  return make("li", { className: goes ? "goes" : "stays" }, opener, drop);
}

function markCurrent() {
  [...byId("strip").children].forEach((item, place) => {
    item.classList.toggle("current", place === state.second);
    item.classList.toggle("with", place === state.first);
    const opener = item.firstElementChild;
    if (place === state.second) opener.setAttribute("aria-current", "true");
    else opener.removeAttribute("aria-current");
  });
  byId("strip").children[state.second]?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

export function toggleMark(place = state.second) {
  const member = state.group.members[place];
  if (!member || member.reference) return;
  if (state.marks.has(member.photo)) state.marks.delete(member.photo);
  else if (state.marks.size === state.group.members.length - 1) {
    say("One photo has to stay");
    return;
  } else state.marks.add(member.photo);
  const item = byId("strip").children[place], had = item.contains(document.activeElement);
  const made = slide(member, place, state.group.members.length);
  item.replaceWith(made);
  if (had) made.querySelector(".drop-mark").focus();
  markCurrent();
  actionWords();
  say(member.name + (state.marks.has(member.photo) ? " goes" : " stays"));
}

// Look at another photo, against the one that the others are compared with.
export function choose(place) {
  const all = state.group.members.length;
  if (place < 0 || place >= all) return;
  if (place === state.first && place === 0 && all > 1) {
    // The kept photo is always to be seen: against it stands the one that was chosen last.
    say("This is the kept photo");
    return;
  }
  if (place === state.first) state.first = 0;
  state.second = place;
  markCurrent();
  showPair();
  prefetch();
}

export function stepPhoto(direction) {
  const { group, first, second } = state;
  let place = second + direction;
  if (place === first) place += direction;
  if (place >= 0 && place < group.members.length) choose(place);
}

export function compareWith() {
  const { second } = state;
  state.first = state.first === second ? 0 : second;
  state.second = state.group.members.findIndex((member, place) => place !== state.first);
  markCurrent();
  showPair();
}

async function showPair() {
  const { group, first, second } = state, asked = ++state.asked;
  const a = group.members[first], b = group.members[second];
  if (!b) return;
  const known = first === 0 ? b.matrix : [];
  stage.show(a, b, known);
  stage.setTags([tag(a, first), tag(b, second)]);
  showWords(group, a, b);
  actionWords();
  const key = a.photo + "-" + b.photo;
  const pair = state.pairs.get(key) ?? await trying(() => get(`/api/groups/${group.id}/pair/${a.photo}/${b.photo}`));
  if (!pair || asked !== state.asked) return;
  state.pairs.set(key, pair);
  if (first !== 0) stage.show(a, b, pair.matrix);
  showFacts(pair, a, b);
}

const tag = (member, place) => `${place + 1} · ${member.name}`;

function actionWords() {
  const { group, first, second, marks } = state, two = group.members.length === 2;
  const set = (action, words, title = "") => {
    const found = document.querySelector(`.actions [data-do="${action}"]`);
    found.replaceChildren(words, make("kbd", {}, nameOf(keyOf(action))));
    found.title = title;
  };
  set("marks", marks.size ? `Save: ${number(marks.size)} ${marks.size === 1 ? "goes" : "go"}` : "Save: all stay", "Save what is marked below the photos");
  set("keep", "Only " + (first + 1), `Keep ${group.members[first].name}, remove the others`);
  set("keep-right", "Only " + (second + 1), `Keep ${group.members[second].name}, remove the others`);
  set("keep-all", two ? "Keep both" : "Keep all");
  set("not-duplicates", two ? "Not duplicates" : `${second + 1} is no copy`, two ? "" : `${group.members[second].name} is no duplicate of the others`);
  set("later", "Later");
  set("next", "Next undecided");
}

// The next photo of this group, and the first two of the next group, are fetched while one looks.
function prefetch() {
  const after = state.group.members[state.second + 1];
  if (after) new Image().src = `/picture/${after.photo}/640?v=${after.version}`;
}

export async function stepGroup(direction) {
  const back = direction < 0 ? "back" : "on";
  const found = await trying(() => get(`/api/groups/${state.group.id}/step`, { ...filters, direction: back }));
  if (!found) return;
  if (found.group) showGroup(found.group);
  else say(direction < 0 ? "This is the first group" : "This is the last group");
}

export function closeGroup() {
  byId("group-view").hidden = true;
  byId("list-view").hidden = false;
  document.body.classList.remove("deciding");
  remember({ view: "list" });
}
