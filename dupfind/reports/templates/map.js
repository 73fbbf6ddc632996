"use strict";
// The map: one canvas; where thumbnails would cover each other the later ones are dots, and
// zooming in makes room for them. Texts reach the page only through textContent.

const byId = (id) => document.getElementById(id);
const points = JSON.parse(byId("points").textContent);
const { cell, across } = JSON.parse(byId("settings").textContent);
const canvas = byId("map"), pen = canvas.getContext("2d");
const view = { x: 0, y: 0, scale: 1, least: 1 };
const state = { hovered: -1, pinned: -1, text: "", copiesOnly: false, queued: false, drawn: [] };
const atlases = [...document.querySelectorAll("script.atlas")].map((block) => {
  const image = new Image();
  image.onload = redraw;
  image.src = JSON.parse(block.textContent);
  return image;
});
const members = new Map();
points.forEach((point, index) => {
  if (point.group) members.set(point.group, [...(members.get(point.group) || []), index]);
  point.plain = plain(point.folder + "/" + point.name);
});
const extent = { x: 0.2, y: 0.2 };
for (const point of points) {
  extent.x = Math.max(extent.x, Math.abs(point.x));
  extent.y = Math.max(extent.y, Math.abs(point.y));
}
// Copies are drawn first: they are what one looks for, so they keep their thumbnails.
const order = points.map((_, index) => index).sort((a, b) => (points[b].group > 0) - (points[a].group > 0));

function plain(text) {
  return text.normalize("NFC").toLocaleLowerCase();
}

// The golden angle keeps the hues of neighbouring numbers far apart.
function colour(group) {
  return "hsl(" + ((group * 137.508) % 360).toFixed(1) + " 75% 52%)";
}

function redraw() {
  if (state.queued) return;
  state.queued = true;
  requestAnimationFrame(() => { state.queued = false; draw(); });
}

function resize() {
  const density = window.devicePixelRatio || 1;
  canvas.width = Math.round(canvas.clientWidth * density);
  canvas.height = Math.round(canvas.clientHeight * density);
  const roomX = canvas.clientWidth - 80, roomY = canvas.clientHeight - 200;
  const least = Math.max(50, Math.min(roomX / (2 * extent.x), roomY / (2 * extent.y)));
  const zoom = view.scale / view.least;
  view.least = least;
  view.scale = least * zoom;
  redraw();
}

function showAll() {
  Object.assign(view, { x: 0, y: 0, scale: view.least });
  redraw();
}

function toScreen(point) {
  return [canvas.clientWidth / 2 + (point.x - view.x) * view.scale, canvas.clientHeight / 2 + (point.y - view.y) * view.scale];
}

function isShown(point) {
  return (!state.copiesOnly || point.group > 0) && (!state.text || point.plain.includes(state.text));
}

// Longer side of a thumbnail on the screen: it grows slowly as one zooms in.
function thumbnailSide() {
  const crowd = Math.sqrt(Math.max(points.length, 1));
  const room = (2 * view.least * Math.sqrt(extent.x * extent.y)) / crowd;
  return Math.min(1.5 * cell, Math.max(22, Math.min(0.9 * room, 96)) * Math.pow(view.scale / view.least, 0.45));
}

function draw() {
  const density = window.devicePixelRatio || 1, style = getComputedStyle(document.documentElement);
  pen.setTransform(density, 0, 0, density, 0, 0);
  pen.fillStyle = style.getPropertyValue("--paper");
  pen.fillRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  const side = thumbnailSide(), taken = new Set(), dots = [], pictures = [];
  const active = points[state.hovered >= 0 ? state.hovered : state.pinned];
  for (const index of order) {
    const point = points[index], [x, y] = toScreen(point);
    if (x < -side || y < -side || x > canvas.clientWidth + side || y > canvas.clientHeight + side) continue;
    if (!isShown(point)) { dots.push([index, x, y, true]); continue; }
    const spot = Math.round(x / side) * 65536 + Math.round(y / side);
    if (taken.has(spot)) { dots.push([index, x, y, false]); continue; }
    taken.add(spot);
    pictures.push([index, x, y]);
  }
  state.drawn = []; // what lies on top comes last
  for (const [index, x, y, faint] of dots) drawDot(index, x, y, faint, style);
  for (const [index, x, y] of pictures.reverse()) drawPicture(index, x, y, side);
  if (active) drawGroup(active, side);
}

function drawDot(index, x, y, faint, style) {
  const point = points[index];
  pen.globalAlpha = faint ? 0.15 : 0.9;
  pen.fillStyle = point.group ? colour(point.group) : style.getPropertyValue("--quiet");
  const size = point.group ? 5 : 3;
  pen.fillRect(x - size / 2, y - size / 2, size, size);
  pen.globalAlpha = 1;
  if (!faint) state.drawn.push({ index, left: x - 3, top: y - 3, right: x + 3, bottom: y + 3 });
}

function drawPicture(index, x, y, side) {
  const point = points[index], ratio = side / cell, width = point.width * ratio, height = point.height * ratio;
  const left = x - width / 2, top = y - height / 2;
  if (point.group) {
    pen.fillStyle = colour(point.group);
    pen.fillRect(left - 3, top - 3, width + 6, height + 6);
  }
  drawCell(pen, index, left, top, width, height);
  state.drawn.push({ index, left, top, right: left + width, bottom: top + height });
}

function drawCell(onto, index, left, top, width, height) {
  const point = points[index], image = atlases[Math.floor(index / (across * across))], slot = index % (across * across);
  if (!image || !image.complete || !image.naturalWidth) {
    onto.fillStyle = "#888";
    onto.fillRect(left, top, width, height);
    return;
  }
  onto.imageSmoothingQuality = "high";
  onto.drawImage(image, (slot % across) * cell, Math.floor(slot / across) * cell, point.width, point.height, left, top, width, height);
}

// The group of the photo one looks at: joined by lines, on top of all others.
function drawGroup(active, side) {
  const group = members.get(active.group) || [points.indexOf(active)];
  const [fromX, fromY] = toScreen(active);
  pen.strokeStyle = active.group ? colour(active.group) : "#888";
  pen.lineWidth = 2;
  for (const index of group) {
    const [x, y] = toScreen(points[index]);
    pen.beginPath();
    pen.moveTo(fromX, fromY);
    pen.lineTo(x, y);
    pen.stroke();
  }
  for (const index of [...group.filter((index) => points[index] !== active), points.indexOf(active)]) {
    const [x, y] = toScreen(points[index]);
    drawPicture(index, x, y, points[index] === active ? Math.max(1.25 * side, 48) : Math.max(side, 36));
  }
}

function pointAt(x, y) {
  for (let at = state.drawn.length - 1; at >= 0; at--) {
    const { index, left, top, right, bottom } = state.drawn[at];
    if (x >= left - 3 && x <= right + 3 && y >= top - 3 && y <= bottom + 3 && isShown(points[index])) return index;
  }
  return -1;
}

function hover(index) {
  if (index === state.hovered) return;
  state.hovered = index;
  canvas.classList.toggle("over", index >= 0);
  showCard(index >= 0 ? index : state.pinned);
  redraw();
}

function showCard(index) {
  byId("card").hidden = index < 0;
  if (index < 0) return;
  const point = points[index], picture = byId("card-picture");
  const [x, y] = toScreen(point), low = y > canvas.clientHeight / 2;
  byId("card").classList.toggle("left", x > canvas.clientWidth / 2 && low);
  const density = window.devicePixelRatio || 1;
  const scale = Math.min(2, 220 / cell);
  picture.width = point.width * scale * density;
  picture.height = point.height * scale * density;
  picture.style.width = point.width * scale + "px";
  drawCell(picture.getContext("2d"), index, 0, 0, picture.width, picture.height);
  byId("card-name").textContent = point.name;
  byId("card-folder").textContent = point.folder;
  byId("card-facts").textContent = point.facts;
  const others = (members.get(point.group) || []).length - 1;
  const words = [];
  if (point.group) words.push("Group " + point.group + (others > 0 ? ": " + others + (others === 1 ? " other photo" : " other photos") : ""));
  if (point.same) words.push(point.same + " more with the same bytes");
  byId("card-group").textContent = words.join(" · ");
}

function zoomAt(x, y, factor) {
  const scale = Math.min(200 * view.least, Math.max(0.5 * view.least, view.scale * factor));
  const dx = x - canvas.clientWidth / 2, dy = y - canvas.clientHeight / 2;
  view.x += dx / view.scale - dx / scale;
  view.y += dy / view.scale - dy / scale;
  view.scale = scale;
  redraw();
}

function zoomCentre(factor) {
  zoomAt(canvas.clientWidth / 2, canvas.clientHeight / 2, factor);
}

const touching = new Map();
let moved = 0;

function onDown(event) {
  touching.set(event.pointerId, event);
  canvas.setPointerCapture(event.pointerId);
  if (touching.size === 1) moved = 0;
  canvas.classList.add("moving");
}

function onMove(event) {
  const before = touching.get(event.pointerId);
  if (!before) {
    if (event.pointerType !== "touch") hover(pointAt(event.offsetX, event.offsetY));
    return;
  }
  const others = [...touching.values()].filter((other) => other.pointerId !== event.pointerId);
  const share = 1 / touching.size, dx = event.offsetX - before.offsetX, dy = event.offsetY - before.offsetY;
  view.x -= (share * dx) / view.scale;
  view.y -= (share * dy) / view.scale;
  moved += Math.abs(dx) + Math.abs(dy);
  if (others.length) {
    const other = others[0], distance = (one) => Math.hypot(one.offsetX - other.offsetX, one.offsetY - other.offsetY);
    zoomAt((event.offsetX + other.offsetX) / 2, (event.offsetY + other.offsetY) / 2, distance(event) / Math.max(1, distance(before)));
  }
  touching.set(event.pointerId, event);
  redraw();
}

function onUp(event) {
  const was = touching.delete(event.pointerId);
  canvas.classList.toggle("moving", touching.size > 0);
  if (!was || touching.size || moved > 6) return;
  state.pinned = pointAt(event.offsetX, event.offsetY);
  state.hovered = -1;
  showCard(state.pinned);
  redraw();
}

function onKey(event) {
  if (event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = 80 / view.scale;
  const actions = {
    "+": () => zoomCentre(1.4), "=": () => zoomCentre(1.4), "-": () => zoomCentre(1 / 1.4), 0: showAll,
    ArrowLeft: () => { view.x -= step; }, ArrowRight: () => { view.x += step; },
    ArrowUp: () => { view.y -= step; }, ArrowDown: () => { view.y += step; },
    Escape: () => { state.pinned = -1; showCard(-1); }, "/": () => byId("search").focus(),
  };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
  redraw();
}

function onSearch(event) {
  state.text = plain(event.target.value.trim());
  const found = points.filter((point) => point.plain.includes(state.text)).length;
  byId("found").textContent = state.text ? found.toLocaleString("en") + (found === 1 ? " photo" : " photos") + " found" : "";
  redraw();
}

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  redraw();
}

canvas.addEventListener("pointerdown", onDown);
canvas.addEventListener("pointermove", onMove);
canvas.addEventListener("pointerup", onUp);
canvas.addEventListener("pointercancel", (event) => { touching.delete(event.pointerId); });
canvas.addEventListener("pointerleave", () => { if (!touching.size) hover(-1); });
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoomAt(event.offsetX, event.offsetY, Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)));
}, { passive: false });
document.addEventListener("keydown", onKey);
byId("search").addEventListener("input", onSearch);
byId("copies").addEventListener("click", () => {
  state.copiesOnly = !state.copiesOnly;
  byId("copies").setAttribute("aria-pressed", state.copiesOnly);
  redraw();
});
byId("in").addEventListener("click", () => zoomCentre(1.6));
byId("out").addEventListener("click", () => zoomCentre(1 / 1.6));
byId("all").addEventListener("click", showAll);
byId("theme").addEventListener("click", toggleTheme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
new ResizeObserver(resize).observe(canvas);
resize();
