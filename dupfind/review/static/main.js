// Joins the parts: what each key and button does, decisions, and the way between list and group.

import { byId, plural, say, trouble } from "./dom.js";
import { get, onTabs, post, remember, tellTabs, trying } from "./api.js";
import { onBulk, showBulk } from "./bulk.js";
import { toggleFacts } from "./details.js";
import { closeDialog, startDialogs } from "./dialogs.js";
import { filters, startFilters } from "./filters.js";
import { choosePicture, startFind } from "./find.js";
import * as view from "./group.js";
import { showKeys } from "./help.js";
import { handle, startKeys, useKeys } from "./keys.js";
import * as list from "./list.js";
import { showPlan } from "./plan.js";
import { showProgress } from "./progress.js";
import * as stage from "./stage.js";

const steps = [];
let working = false;

function open(id, photo = null) {
  closeDialog();
  return view.openGroup(id, photo);
}

// Record a decision about a group; what changed meanwhile is shown instead.
async function record(group, action, more = {}) {
  if (working) return undefined;
  working = true;
  const body = { group: group.id, stamp: group.stamp, action, filters, ...more };
  const done = await trying(() => post("/api/decide", body).catch((error) => refused(error, group)));
  working = false;
  if (!done) return undefined;
  steps.push({ step: done.step, group: group.id });
  trouble("");
  showProgress(done.progress);
  tellTabs({ group: group.id });
  return done;
}

async function refused(error, group) {
  if (error.status !== 409 && error.status !== 404) throw error;
  const now = await get("/api/groups/" + group.id).catch(() => null);
  if (now && view.isOpen()) view.showGroup(now);
  else if (now) list.renew(now);
  else list.cardOf(group.id)?.classList.add("gone");
  throw error;
}

async function decideCard(group, action) {
  const going = group.members.filter((member) => member.advice === "remove" && !member.reference).map((member) => member.photo);
  const done = action === "advised" ? await record(group, "marks", { remove: going }) : await record(group, action);
  if (!done) return;
  if (done.group) list.renew(done.group);
  else list.cardOf(group.id)?.classList.add("gone");
  say(words(action) + `, group ${group.id}`);
}

const WORDS = { "keep": "Kept one", "marks": "Saved", "advised": "Saved", "keep-all": "All kept", "not-duplicates": "Not duplicates", "later": "Put off" };
const words = (action) => WORDS[action] ?? action;

async function decideHere(action, more = {}) {
  const { group } = view.state;
  const done = await record(group, action, more);
  if (!done) return;
  say(words(action));
  if (done.group) list.renew(done.group);
  else list.cardOf(group.id)?.classList.add("gone");
  // One photo left: what becomes of the others is still to be said.
  if (action === "not-duplicates" && done.group?.state === "open") {
    view.showGroup(done.group);
    say(`Not a duplicate; ${plural(done.group.members.length, "photo")} left, undecided`);
  } else goOn(done.next, done.group);
}

// The next undecided group of the list; at its end the first one that is left.
async function goOn(next, group) {
  const further = next ?? (await trying(() => get("/api/groups/first", filters)))?.group;
  if (further && further.id !== group?.id) view.showGroup(further);
  else toList("All groups of this list are decided");
}

async function nextUndecided() {
  const open = { ...filters, state: "open" };
  const found = await trying(() => get(`/api/groups/${view.state.group.id}/step`, open));
  if (!found) return;
  const group = found.group ?? (await trying(() => get("/api/groups/first", open)))?.group;
  if (group && group.id !== view.state.group.id) view.showGroup(group);
  else say("No other group is undecided");
}

async function begin() {
  const found = await trying(() => get("/api/groups/first", filters));
  if (found?.group) view.showGroup(found.group);
}

async function undo() {
  const last = steps.pop();
  const done = await trying(() => post("/api/undo", last ? { step: last.step } : {}));
  if (!done) return;
  showProgress(done.progress);
  if (done.undone === null) return say("There is nothing to undo");
  say("Undone");
  tellTabs({ all: true });
  if (last?.group && view.isOpen()) await view.openGroup(last.group);
  else await list.loadList();
  if (last?.group && !view.isOpen()) list.reveal(last.group);
  return undefined;
}

function toList(said = "") {
  const id = view.state.group?.id;
  view.closeGroup();
  if (location.hash) history.pushState(null, "", location.pathname);
  list.loadList().then(() => {
    if (id) list.reveal(id);
    if (said) say(said);
  });
}

function setMode(mode) {
  stage.setMode(mode);
  showModes();
}

function showModes() {
  const { mode } = stage.view;
  for (const one of document.querySelectorAll("button[data-mode]")) one.setAttribute("aria-pressed", String(one.dataset.mode === mode));
  byId("slide").hidden = mode !== "slider";
}

function onView({ cut, aligned, found, shown, mode }) {
  byId("zoom-words").textContent = stage.isFit() ? "Fit" : stage.percent() + "%";
  byId("slide").querySelector("input").value = Math.round(1000 * cut);
  const align = document.querySelector('[data-do="align"]');
  align.setAttribute("aria-pressed", String(aligned));
  align.textContent = aligned && !found ? "Not aligned: no way was found" : "Aligned";
  byId("stage").classList.toggle("first", mode === "flick" && !shown);
}

// In the list, keys are about the card that has the focus.
function both(inGroup, inList = () => false) {
  return (...details) => (view.isOpen() ? inGroup(...details) : inList(...details));
}

const onCard = (action) => () => {
  const card = list.focused();
  if (!card) return false;
  return trying(() => get("/api/groups/" + card.dataset.group)).then((group) => group && decideCard(group, action));
};

function keepPlace(place) {
  const member = view.state.group.members[place];
  return member ? decideHere("keep", { photo: member.photo }) : false;
}

function notDuplicates() {
  const { group } = view.state;
  return decideHere("not-duplicates", group.members.length > 2 ? { photo: view.photoOf("second") } : {});
}

handle({
  "keep": both(() => decideHere("keep", { photo: view.photoOf("first") })),
  "keep-right": both(() => decideHere("keep", { photo: view.photoOf("second") })),
  "photo": both(keepPlace),
  "marks": both(() => decideHere("marks", { remove: [...view.state.marks] }), onCard("advised")),
  "keep-all": both(() => decideHere("keep-all"), onCard("keep-all")),
  "not-duplicates": both(notDuplicates, onCard("not-duplicates")),
  "later": both(() => decideHere("later"), onCard("later")),
  "drop": both(() => view.toggleMark()),
  "next": both(nextUndecided, () => list.stepCard(1)),
  "undo": undo,
  "previous-photo": both(() => view.stepPhoto(-1)),
  "next-photo": both(() => view.stepPhoto(1)),
  "previous-group": both(() => view.stepGroup(-1), () => list.stepCard(-1)),
  "next-group": both(() => view.stepGroup(1), () => list.stepCard(1)),
  "zoom": both(() => stage.toggleZoom()),
  "zoom-in": both(() => stage.zoomTo(stage.view.scale * 1.4)),
  "zoom-out": both(() => stage.zoomTo(stage.view.scale / 1.4)),
  "side": both(() => setMode("side")),
  "flick": both(() => { stage.flick(); showModes(); }),
  "slider": both(() => setMode("slider")),
  "difference": both(() => setMode("difference")),
  "align": both(() => stage.setAligned(!stage.view.aligned)),
  "facts": both(toggleFacts),
  "compare-with": both(view.compareWith),
  "open": both(() => false, () => { const card = list.focused(); return card ? open(Number(card.dataset.group)) : false; }),
  "list": both(() => toList()),
  "search": both(() => false, () => document.querySelector("[name=text]").focus()),
  "bulk": showBulk,
  "plan": () => showPlan(open),
  "find": choosePicture,
  "keys": showKeys,
  "begin": begin,
});

// The address says which group is shown, so that the browser's back button leads back.
async function follow() {
  const id = Number(/^#group-(\d+)$/.exec(location.hash)?.[1] ?? 0);
  if (id && view.state.group?.id !== id) await view.openGroup(id);
  else if (!id && view.isOpen()) view.closeGroup();
}

async function followTabs(what) {
  if (view.isOpen()) {
    const { group } = view.state;
    if (what.all || what.group === group.id) view.openGroup(group.id);
  } else if (what.group) {
    const group = await get("/api/groups/" + what.group).catch(() => null);
    if (group) list.renew(group);
  } else list.loadList();
}

function start() {
  const given = JSON.parse(byId("start").textContent), { preferences } = given;
  useKeys(preferences.keys);
  startDialogs();
  startFilters(given.facets, preferences.filters, list.loadList);
  list.startList(given.list, { open, decide: decideCard });
  stage.onView(onView);
  stage.startStage();
  startFind(open);
  startKeys();
  showModes();
  byId("slide").querySelector("input").addEventListener("input", (event) => stage.setCut(event.target.value / 1000));
  for (const one of document.querySelectorAll("button[data-mode]")) one.addEventListener("click", () => (one.dataset.mode === "flick" ? (stage.flick(), showModes()) : setMode(one.dataset.mode)));
  onBulk((made) => {
    steps.push({ step: made.step, group: null });
    showProgress(made.progress);
    list.loadList();
    if (view.isOpen()) view.openGroup(view.state.group.id);
    say(plural(made.groups, "group") + " decided");
  });
  onTabs(followTabs);
  addEventListener("popstate", follow);
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address names the group that is shown
    byId("main").focus();
  });
  if (location.hash) follow();
  else if (preferences.view === "group" && preferences.group) view.openGroup(preferences.group).then((found) => { if (!found) remember({ view: "list" }); });
}

start();
