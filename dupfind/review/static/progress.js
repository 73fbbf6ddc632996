// How far one is: groups decided, and bytes that will go of those that can.

import { byId, number } from "./dom.js";

export function showProgress({ groups, states, freesText, goingText }) {
  const done = states.decided, later = states.later;
  byId("progress-fill").style.width = (groups ? (100 * done) / groups : 100) + "%";
  byId("progress-words").textContent = `${number(done)} of ${number(groups)} groups decided` +
    (later ? ` · ${number(later)} later` : "") + ` · ${goingText} to remove (${freesText} can go by advice)`;
}
