// What `dupfind apply` would do now: read only.

import { make, number, plural } from "./dom.js";
import { get, trying } from "./api.js";
import { openDialog } from "./dialogs.js";

export async function showPlan(open) {
  openDialog("What would go", "plan", make("p", { className: "quiet" }, "Looking at the files…"));
  const plan = await trying(() => get("/api/apply"));
  if (!plan) return;
  const rest = plan.photos - plan.decided;
  const words = plan.photos === 0 ? "Nothing would go." :
    `${plural(plan.photos, "photo")} (${plural(plan.files, "file")}), ${plan.freedText}: ${number(plan.decided)} by what you decided, ${number(rest)} by advice.`;
  const rows = plan.going.map((one) => make("tr", {}, make("td", {}, one.path), make("td", {}, one.kept), make("td", {}, one.why), make("td", { className: "number" }, one.bytesText),
    make("td", {}, one.group ? make("button", { type: "button", className: "plain", onclick: () => open(one.group, one.photo), "aria-label": "Look at group " + one.group }, "Look") : "")));
  const content = [make("p", { className: "counts" }, words),
    make("p", { className: "quiet" }, "This page touches no file. ", make("code", {}, "dupfind apply"), " shows this plan, with ", make("code", {}, "--yes"), " it does it; ", make("code", {}, "dupfind undo"), " takes it back.")];
  if (rows.length) content.push(table(["Goes", "Stays", "Why", "Frees", "Group"], rows));
  if (plan.photos > rows.length) content.push(make("p", { className: "quiet" }, `and ${number(plan.photos - rows.length)} more`));
  if (plan.leftAloneTotal) {
    content.push(make("h3", {}, `Left alone: ${number(plan.leftAloneTotal)}`),
      table(["Photo", "Why not"], plan.leftAlone.map((one) => make("tr", {}, make("td", {}, one.path), make("td", {}, one.reason)))));
  }
  openDialog("What would go", "plan", ...content);
}

function table(names, rows) {
  const head = make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)));
  return make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": names[0] }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}
