// Talk to the server, and tell the other tabs what changed.

import { trouble } from "./dom.js";

export class Refusal extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

async function answer(response) {
  if (response.ok) return response.json();
  let words = "The server answered " + response.status + ".";
  try { words = (await response.json()).error || words; } catch { /* no words came with it */ }
  throw new Refusal(response.status, words);
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refusal(0, "dupfind review does not answer: was it stopped? Start it again; what you decided is saved.");
  }
  return answer(response);
}

export function query(values) {
  const set = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return new URLSearchParams(set).toString();
}

export const get = (path, values = {}) => ask(path + (Object.keys(values).length ? "?" + query(values) : ""));

export function post(path, values) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(values) });
}

export function send(path, file) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file });
}

// Run something that asks the server; what it refuses is said, and returns nothing.
export async function trying(work) {
  try {
    const result = await work();
    return result;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    trouble(error.message);
    return undefined;
  }
}

export function picture(member, size) {
  return "/picture/" + member.photo + "/" + size + "?v=" + member.version;
}

const tabs = new BroadcastChannel("dupfind-review");
export const tellTabs = (what) => tabs.postMessage(what);
export function onTabs(listen) {
  tabs.addEventListener("message", (event) => listen(event.data));
}

let saving = 0;
const unsaved = {};
// What a person set is saved a moment after they stop setting it.
export function remember(values) {
  Object.assign(unsaved, values);
  clearTimeout(saving);
  saving = setTimeout(() => { post("/api/preferences", unsaved).catch(() => {}); }, 400);
}
