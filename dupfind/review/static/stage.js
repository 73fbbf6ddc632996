// Two pictures, one laid on the other as it was found, zoomed and moved in step. The place of both is
// that of the first one, in its pixels; the browser warps the second by the matrix.

import { byId } from "./dom.js";
import { picture } from "./api.js";
import { IDENTITY, centred, corners, css, isSound, laid } from "./matrix.js";

const MARGIN_PX = 14;
const WAIT_MS = 180; // who only passes by need not have it at full size
const LARGEST = 16;
const stage = byId("stage");
const layers = ["a", "b"].map((name) => {
  const layer = byId("layer-" + name);
  return {
    layer, scene: layer.querySelector(".scene"), image: layer.querySelector("img"), drawing: layer.querySelector("svg"),
    outline: layer.querySelector("polygon"), tag: layer.querySelector(".tag"), none: layer.querySelector(".none"),
  };
});

export const view = { mode: "side", aligned: true, scale: 1, x: 0, y: 0, fit: 1, cut: 0.5, shown: true, a: null, b: null, matrix: null };
let showing = 0;
let onChange = () => {};
export function onView(listen) { onChange = listen; }

// Show b compared with a; `shares` leads from shares of a's sides to shares of b's (nothing: not known).
export function show(a, b, shares) {
  Object.assign(view, { a, b, shares, shown: true });
  const current = ++showing;
  for (const [index, member] of [a, b].entries()) load(layers[index], member, current);
  place();
  fit();
}

function load(parts, member, current) {
  const { image, none } = parts;
  image.alt = member.name;
  none.hidden = true;
  const want = (size) => {
    const source = picture(member, size), next = new Image();
    next.src = source;
    return next.decode().then(() => { if (current === showing) image.src = source; });
  };
  if (image.dataset.photo !== String(member.photo)) image.removeAttribute("src");
  image.dataset.photo = member.photo;
  want("640").catch(() => {
    if (current !== showing) return;
    none.textContent = "No picture: the file is gone, or it changed since it was indexed.";
    none.hidden = false;
  });
  setTimeout(() => { if (current === showing) want("full").catch(() => {}); }, WAIT_MS);
}

// Where b lies on a; whether it was found there.
function place() {
  const { a, b, shares, aligned } = view;
  const found = aligned && shares?.length === 9 ? laid(shares, a, b) : null;
  view.found = Boolean(found && isSound(found, b, a));
  view.matrix = view.found ? found : centred(a, b);
  layers[0].image.style.transform = css(IDENTITY);
  layers[1].image.style.transform = css(view.matrix);
  for (const [parts, member] of [[layers[0], a], [layers[1], b]]) {
    parts.image.style.width = member.width + "px";
    parts.image.style.height = member.height + "px";
  }
  outline();
}

// The part that a crop shows is drawn on the larger picture, on whichever side that is.
function outline() {
  const { a, b, found } = view, [ofA, ofB] = shapes();
  const differ = found && ofA.some(([x, y]) => Math.min(...ofB.map(([u, v]) => Math.hypot((u - x) / a.width, (v - y) / a.height))) > 0.015);
  const isPart = area(ofB) < a.width * a.height;
  for (const [index, points] of [[0, ofB], [1, ofA]]) {
    const drawn = differ && (index === 0) === isPart;
    layers[index].outline.setAttribute("points", drawn ? points.map((point) => point.join(",")).join(" ") : "");
  }
}

// The corners of both, in pixels of a.
const shapes = () => [corners(IDENTITY, view.a), corners(view.matrix, view.b)];

function area(points) {
  const twice = points.reduce((sum, [x, y], place) => {
    const [u, v] = points[(place + 1) % points.length];
    return sum + x * v - u * y;
  }, 0);
  return Math.abs(twice) / 2;
}

// A difference is of what both show: the rest is left out.
function cutToOverlap() {
  const clip = (points) => (view.mode === "difference" ? `polygon(${points.map(([x, y]) => `${x}px ${y}px`).join(",")})` : "");
  const [ofA, ofB] = shapes();
  layers[0].scene.style.clipPath = clip(ofB);
  layers[1].scene.style.clipPath = clip(ofA);
}

function bounds() {
  const points = [...corners(view.matrix, view.b), [0, 0], [view.a.width, view.a.height]];
  const xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

const room = () => ({ width: layers[0].layer.clientWidth, height: layers[0].layer.clientHeight });

export function fit() {
  if (!view.a) return;
  const { left, top, right, bottom } = bounds(), { width, height } = room();
  const inner = (side) => Math.max(20, side - 2 * MARGIN_PX);
  view.fit = Math.min(inner(width) / (right - left), inner(height) / (bottom - top));
  view.scale = view.fit;
  view.x = (width - (left + right) * view.scale) / 2;
  view.y = (height - (top + bottom) * view.scale) / 2;
  cutToOverlap();
  draw();
}

function draw() {
  for (const { scene, drawing } of layers) {
    scene.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    drawing.style.strokeWidth = 2 / view.scale + "px";
    scene.classList.toggle("sharp", !isFit() && view.scale * devicePixelRatio >= 3);
  }
  layers[1].layer.style.clipPath = view.mode === "slider" ? `inset(0 0 0 ${100 * view.cut}%)` : "";
  byId("cut").style.left = 100 * view.cut + "%";
  layers[1].layer.style.visibility = view.mode === "flick" && !view.shown ? "hidden" : "";
  onChange(view);
}

// Zoom so that the place under (x, y) of the view stays where it is.
export function zoomTo(scale, x = room().width / 2, y = room().height / 2) {
  const next = Math.min(LARGEST / devicePixelRatio, Math.max(view.fit / 2, scale)), ratio = next / view.scale;
  view.x = x - (x - view.x) * ratio;
  view.y = y - (y - view.y) * ratio;
  view.scale = next;
  draw();
}

export const isFit = () => Math.abs(view.scale / view.fit - 1) < 0.01;
export const percent = () => Math.round(100 * view.scale * devicePixelRatio);

export function toggleZoom(x, y) {
  if (isFit()) zoomTo(1 / devicePixelRatio, x, y);
  else fit();
}

export function pan(x, y) {
  view.x += x;
  view.y += y;
  draw();
}

export function setMode(mode) {
  Object.assign(view, { mode, shown: true });
  stage.dataset.mode = mode;
  fit();
}

export function flick() {
  if (view.mode !== "flick") {
    setMode("flick");
    return;
  }
  view.shown = !view.shown;
  draw();
}

export function setAligned(aligned) {
  view.aligned = aligned;
  place();
  fit();
}

export function setCut(share) {
  view.cut = Math.min(1, Math.max(0, share));
  draw();
}

export function setTags(words) {
  layers.forEach(({ tag }, index) => { tag.textContent = words[index]; });
}

function inLayer(event) {
  const box = (event.clientX > layers[1].layer.getBoundingClientRect().left && view.mode === "side" ? layers[1] : layers[0]).layer.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

const pointers = new Map();

function onDown(event) {
  if (event.button !== 0) return;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  stage.setPointerCapture(event.pointerId);
  const [x] = inLayer(event);
  view.sliding = view.mode === "slider" && Math.abs(x - view.cut * room().width) < 28;
}

function onMove(event) {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const now = [event.clientX, event.clientY];
  if (view.sliding) setCut(inLayer(event)[0] / room().width);
  else if (pointers.size === 2) pinch(event, before, now);
  else pan(now[0] - before[0], now[1] - before[1]);
  pointers.set(event.pointerId, now);
}

function pinch(event, before, now) {
  const [, other] = [...pointers].find(([id]) => id !== event.pointerId);
  const away = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
  const [x, y] = inLayer({ clientX: (now[0] + other[0]) / 2, clientY: (now[1] + other[1]) / 2 });
  zoomTo((view.scale * away(now)) / Math.max(1, away(before)), x, y);
}

function onUp(event) {
  pointers.delete(event.pointerId);
  view.sliding = false;
}

function onStageKey(event) {
  const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
  if (isFit() || event.shiftKey || !steps[event.key]) return;
  pan(...steps[event.key]);
  event.preventDefault();
  event.stopPropagation();
}

export function startStage() {
  stage.dataset.mode = view.mode;
  stage.addEventListener("pointerdown", onDown);
  stage.addEventListener("pointermove", onMove);
  stage.addEventListener("pointerup", onUp);
  stage.addEventListener("pointercancel", onUp);
  stage.addEventListener("dblclick", (event) => toggleZoom(...inLayer(event)));
  stage.addEventListener("keydown", onStageKey);
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomTo(view.scale * Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), ...inLayer(event));
  }, { passive: false });
  new ResizeObserver(() => { if (view.a && stage.offsetParent) fit(); }).observe(stage);
}
