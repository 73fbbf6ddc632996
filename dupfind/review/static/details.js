// What is said of the two photos: why they match, why this one is kept, what would be lost, the facts.

import { byId, certainty, make } from "./dom.js";
import { keyOf, nameOf } from "./keys.js";

const shown = { all: false, pair: null };

function block(title, words, className = "") {
  return make("div", { className: "said-block " + className }, make("h3", {}, title), make("p", {}, words));
}

function capital(words) {
  return words ? words[0].toUpperCase() + words.slice(1) : words;
}

export function showWords(group, a, b) {
  const blocks = [];
  if (!b.keep) blocks.push(block("Why they match", `${capital(b.why)} (${certainty(b.probability)} sure, similarity ${b.similarity.toFixed(2)})`, "why"));
  const kept = group.members[0];
  blocks.push(block("Why " + kept.name + " is kept", capital(kept.reason), "keeps"));
  blocks.push(block("Lost if " + b.name + " goes", capital(b.loss), b.advice === "remove" ? "nothing" : "loss"));
  if (a !== kept) blocks.push(block("Lost if " + a.name + " goes", capital(a.loss), a.advice === "remove" ? "nothing" : "loss"));
  for (const one of new Set([a, b])) if (one.removedBefore) blocks.unshift(block("It is back", `You removed ${one.name} on ${one.removedBefore}, and it is there again.`, "loss"));
  if (b.sameFile) blocks.push(block("One file", "Another photo of the group is a second name of the same file: removing one of them frees nothing."));
  byId("words").replaceChildren(...blocks);
  byId("facts").replaceChildren();
}

export function showFacts(pair, a, b) {
  shown.pair = [pair, a, b];
  const lines = pair.facts.filter((fact) => shown.all || fact.differs);
  const head = make("tr", {}, make("th", { scope: "col" }, make("span", { className: "hidden-words" }, "Fact")), make("th", { scope: "col" }, a.name), make("th", { scope: "col" }, b.name));
  const rows = lines.map((fact) => make("tr", { className: fact.differs ? "differs" : "" }, make("th", { scope: "row" }, fact.label), cell(fact.a), cell(fact.b)));
  const same = pair.facts.length - pair.facts.filter((fact) => fact.differs).length;
  const words = shown.all ? "Only what differs" : `All facts (${same} are equal)`;
  const toggle = make("button", { type: "button", className: "plain", "aria-pressed": String(shown.all), onclick: toggleFacts }, words, make("kbd", {}, nameOf(keyOf("facts"))));
  byId("facts").replaceChildren(make("h3", {}, shown.all ? "Facts" : "What differs"), make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)), toggle);
  if (a.keep && b.why && pair.why) return;
  if (pair.why) byId("words").prepend(block("Between these two", capital(pair.why), "why"));
}

function cell(words) {
  return make("td", {}, words || make("span", { className: "quiet" }, "none"));
}

export function toggleFacts() {
  shown.all = !shown.all;
  if (!shown.pair) return;
  const had = byId("facts").contains(document.activeElement);
  const [pair, a, b] = shown.pair, words = [...byId("words").children];
  showFacts(pair, a, b);
  byId("words").replaceChildren(...words);
  if (had) byId("facts").querySelector("button").focus();
}
