// One dialog for all that is asked beside the list: keys, rules, what would go, a picture to find.

import { byId } from "./dom.js";

const dialog = byId("dialog");

export function openDialog(title, kind, ...content) {
  byId("dialog-title").textContent = title;
  byId("dialog-body").replaceChildren(...content);
  dialog.dataset.kind = kind;
  if (!dialog.open) dialog.showModal();
}

export const isShown = (kind) => dialog.open && dialog.dataset.kind === kind;
export const closeDialog = () => dialog.close();

export function startDialogs() {
  byId("dialog-close").addEventListener("click", closeDialog);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) closeDialog(); });
}
