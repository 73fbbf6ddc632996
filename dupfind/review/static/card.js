// A group as a card of the list: its photos, why they are together, and what can be decided at once.

import { button, certainty, make, number, plural } from "./dom.js";
import { picture } from "./api.js";

const SHOWN = 12;
const VERDICTS = { remove: "to remove", keep: "keep" };
const ADVICE = { remove: "can go", look: "wants a look" };
export const STATES = { open: "", later: "Later", decided: "Decided" };

export function nameOfPhoto(member, place, all) {
  const verdict = VERDICTS[member.verdict] ?? (member.keep ? "kept by advice" : `${member.badge}, ${ADVICE[member.advice]}`);
  return `photo ${place + 1} of ${all}, ${member.name}, ${member.width} × ${member.height}, ${verdict}`;
}

export function verdictMark(member) {
  if (!member.verdict) return null;
  return make("span", { className: "mark " + member.verdict }, member.verdict === "keep" ? "✓ keep" : "✕ remove");
}

export function thumbnail(member, size = "320") {
  const image = make("img", { alt: "", loading: "lazy", decoding: "async", width: member.width, height: member.height });
  image.addEventListener("error", () => image.replaceWith(make("span", { className: "none" }, "no picture")), { once: true });
  image.src = picture(member, size);
  return image;
}

function photo(group, member, place, open) {
  const opener = button("", () => open(group.id, member.photo), { className: "frame", title: member.path, "aria-label": nameOfPhoto(member, place, group.members.length) });
  opener.append(thumbnail(member));
  const mark = verdictMark(member);
  if (mark) opener.append(mark);
  return make("li", { className: "photo " + (member.keep ? "keep" : "") + " " + (member.verdict || "") },
    opener,
    make("span", { className: "badge" }, member.badge),
    member.keep ? null : make("span", { className: "sure" }, certainty(member.probability)),
    member.advice === "remove" && !member.reference ? make("span", { className: "can-go" }, "can go") : null,
    member.removedBefore ? make("span", { className: "badge back" }, "you removed this on " + member.removedBefore) : null,
    make("span", { className: "named" }, member.name),
    make("span", { className: "facts" }, `${member.width} × ${member.height} · ${member.bytesText}`),
    member.folder ? make("span", { className: "folder" }, member.folder) : null);
}

function words(group) {
  const kept = group.members[0], gone = group.members.filter((member) => member.advice === "remove").length;
  const looks = group.members.length - 1 - gone;
  const said = make("p", { className: "words" });
  const parts = [kept.reason];
  if (gone) parts.push(plural(gone, "copy").replace("copys", "copies") + " can go and nothing is lost");
  if (looks) parts.push(plural(looks, "photo") + (looks === 1 ? " wants" : " want") + " a look: " + group.members.find((member) => !member.keep && member.advice === "look").reason);
  said.textContent = parts.filter(Boolean).join(" · ");
  return said;
}

// A card; `deeds` has open(id, photo), decide(card, action) and undo(card).
export function card(group, deeds) {
  const made = make("li", { className: "card " + group.state, dataset: { group: group.id, state: group.state } });
  const title = make("h3", { id: "card-" + group.id }, plural(group.members.length, "photo"),
    make("small", {}, `group ${number(group.id)} · least sure ${certainty(group.probability)}`),
    make("span", { className: "state" }, STATES[group.state]),
    make("span", { className: "frees" }, group.frees ? group.freesText + " can go" : ""));
  made.setAttribute("aria-labelledby", title.id);
  const photos = make("ul", { className: "photos" }, ...group.members.slice(0, SHOWN).map((member, place) => photo(group, member, place, deeds.open)));
  if (group.members.length > SHOWN) {
    photos.append(make("li", {}, button(`+ ${group.members.length - SHOWN} more`, () => deeds.open(group.id), { className: "plain" })));
  }
  const advised = group.members.some((member) => member.advice === "remove" && !member.reference);
  const act = (action) => () => deeds.decide(group, action);
  made.append(title, photos, words(group), make("div", { className: "buttons" },
    button("Compare", () => deeds.open(group.id), { className: "main", "aria-label": `Compare the photos of group ${group.id}` }),
    advised ? button("Remove what can go", act("advised"), { "aria-label": `Remove what can go from group ${group.id}` }) : null,
    button("Keep all", act("keep-all"), { "aria-label": `Keep all of group ${group.id}` }),
    button("Not duplicates", act("not-duplicates"), { "aria-label": `Not duplicates: group ${group.id}` }),
    button("Later", act("later"), { className: "plain", "aria-label": `Group ${group.id} later` })));
  return made;
}
