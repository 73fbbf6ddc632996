// Compare a copy with the kept photo: side by side, under a slider, in turns, or as a difference.
// "Line up" undoes what was done to the copy (mirrored, then turned anticlockwise) and shows of the
// larger picture only the part that the other one has.

const MODES = ["side", "slider", "flicker", "difference"];
const FLICKER_MS = 650;
const compare = { group: null, index: 1, mode: "side", aligned: true, cut: 0.5, timer: 0, opener: null, drawing: 0 };

function openCompare(group, index, opener) {
  if (group.members.length < 2) return;
  Object.assign(compare, { group, index, opener });
  byId("compare").showModal();
  byId("compare").focus();
  showPair();
}

function load(member) {
  const image = new Image();
  image.src = picture(member);
  return image.decode().then(() => image, () => null);
}

// Return a canvas with a part of the copy as it was before it was mirrored and turned by quarters.
function upright({ source, x, y, width, height }, member) {
  const quarter = Math.round(member.degrees / 90);
  const swapped = Math.abs(quarter) % 2 === 1;
  const made = document.createElement("canvas");
  made.width = Math.round(swapped ? height : width);
  made.height = Math.round(swapped ? width : height);
  const pen = made.getContext("2d");
  pen.translate(made.width / 2, made.height / 2);
  if (member.mirrored) pen.scale(-1, 1);
  pen.rotate((quarter * Math.PI) / 2);
  pen.drawImage(source, x, y, width, height, -width / 2, -height / 2, width, height);
  return made;
}

// Return a canvas the size of the kept photo's region with what the copy shows at the same places.
// The matrix (3 x 3, row by row) leads from shares of the kept photo to shares of the copy.
function warped(region, kept, copy, matrix) {
  const source = pixelsOf(copy), made = document.createElement("canvas");
  made.width = Math.round(region.width);
  made.height = Math.round(region.height);
  const pen = made.getContext("2d"), target = pen.createImageData(made.width, made.height);
  const [a, b, c, d, e, f, g, h, i] = matrix;
  for (let row = 0, at = 0; row < made.height; row++) {
    const v = (region.y + row + 0.5) / kept.naturalHeight;
    for (let column = 0; column < made.width; column++, at += 4) {
      const u = (region.x + column + 0.5) / kept.naturalWidth, depth = g * u + h * v + i;
      sample(source, ((a * u + b * v + c) / depth) * source.width - 0.5, ((d * u + e * v + f) / depth) * source.height - 0.5, target.data, at);
    }
  }
  pen.putImageData(target, 0, 0);
  return made;
}

function pixelsOf(image) {
  const made = document.createElement("canvas");
  made.width = image.naturalWidth;
  made.height = image.naturalHeight;
  const pen = made.getContext("2d", { willReadFrequently: true });
  pen.drawImage(image, 0, 0);
  return pen.getImageData(0, 0, made.width, made.height);
}

// Write the colour between the four pixels around (x, y); nothing where the picture has ended.
function sample({ data, width, height }, x, y, target, at) {
  if (!(x > -1 && y > -1 && x < width && y < height)) return;
  const left = Math.max(0, Math.min(width - 2, Math.floor(x))), top = Math.max(0, Math.min(height - 2, Math.floor(y)));
  const across = Math.min(1, Math.max(0, x - left)), down = Math.min(1, Math.max(0, y - top)), from = 4 * (top * width + left);
  const right = width > 1 ? 4 : 0, below = height > 1 ? 4 * width : 0;
  for (let channel = 0; channel < 3; channel++) {
    const here = from + channel;
    const above = data[here] * (1 - across) + data[here + right] * across;
    const under = data[here + below] * (1 - across) + data[here + below + right] * across;
    target[at + channel] = above * (1 - down) + under * down;
  }
  target[at + 3] = 255;
}

// Return a canvas the size of the kept photo's region with the copy laid over it: any angle, at its
// scale, the middle of what both show in the middle.
function laidOver(region, kept, copy, member) {
  const made = document.createElement("canvas");
  made.width = Math.round(region.width);
  made.height = Math.round(region.height);
  const ratio = kept.naturalWidth / compare.group.members[0].width / member.scale;
  const width = member.width * ratio, height = member.height * ratio;
  const [left, top, right, bottom] = member.larger && member.box.length === 4 ? member.box : [0, 0, 1, 1];
  const pen = made.getContext("2d");
  pen.translate(made.width / 2, made.height / 2);
  if (member.mirrored) pen.scale(-1, 1);
  pen.rotate((member.degrees * Math.PI) / 180);
  pen.drawImage(copy, (-width * (left + right)) / 2, (-height * (top + bottom)) / 2, width, height);
  return made;
}

function part(source, box) {
  const width = source.naturalWidth || source.width, height = source.naturalHeight || source.height;
  const [left, top, right, bottom] = box.length === 4 ? box : [0, 0, 1, 1];
  return { source, x: left * width, y: top * height, width: Math.max(1, (right - left) * width), height: Math.max(1, (bottom - top) * height) };
}

// The two parts to look at: [of the kept photo, of the copy].
function parts(kept, copy, member) {
  if (!compare.aligned) return [part(kept, []), part(copy, [])];
  const [ofKept, ofCopy] = member.larger ? [[], member.box] : [member.box, []];
  const region = part(kept, ofKept);
  if (member.matrix.length === 9) return [region, part(warped(region, kept, copy, member.matrix), [])];
  const quarters = member.degrees / 90;
  const square = Math.abs(quarters - Math.round(quarters)) < 1 / 90;
  const turned = square || !member.scale ? upright(part(copy, ofCopy), member) : laidOver(region, kept, copy, member);
  return [region, part(turned, [])];
}

function fitInto(piece, width, height) {
  const scale = Math.min(width / piece.width, height / piece.height);
  return [Math.max(1, piece.width * scale), Math.max(1, piece.height * scale)];
}

function draw(canvas, piece, [width, height], operation = "source-over", clear = true) {
  const density = window.devicePixelRatio || 1;
  if (clear) {
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    canvas.style.width = width + "px";
    canvas.style.height = height + "px";
  }
  const pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.globalCompositeOperation = operation;
  pen.drawImage(piece.source, piece.x, piece.y, piece.width, piece.height, 0, 0, canvas.width, canvas.height);
}

async function showPair() {
  const { group, index } = compare, drawing = ++compare.drawing;
  const kept = group.members[0], member = group.members[index];
  describePair(group, kept, member);
  clearInterval(compare.timer);
  const [left, right] = await Promise.all([load(kept), load(member)]);
  if (drawing !== compare.drawing) return;
  if (!left || !right) {
    byId("compare-why").textContent = "There is no picture of one of the two in this page. " + member.why;
    for (const side of ["left", "right"]) byId(side).width = byId(side).height = 1;
    return;
  }
  arrange(parts(left, right, member));
}

function arrange(pieces) {
  const stage = byId("stage"), over = compare.mode !== "side";
  stage.className = "stage " + compare.mode + (over ? " over" : "");
  const column = getComputedStyle(stage).flexDirection === "column", gap = 16;
  const width = stage.clientWidth - 2 * gap, height = stage.clientHeight - 2 * gap;
  const room = over ? [width, height] : column ? [width, (height - gap) / 2] : [(width - gap) / 2, height];
  const canvases = [byId("left"), byId("right")];
  const size = fitInto(pieces[0], ...room);
  pieces.forEach((piece, index) => draw(canvases[index], piece, over ? size : fitInto(piece, ...room)));
  canvases.forEach((canvas) => { canvas.style.clipPath = canvas.style.visibility = canvas.style.filter = ""; });
  if (compare.mode === "slider") moveCut(compare.cut);
  if (compare.mode === "flicker") flicker();
  if (compare.mode === "difference") showDifference(canvases, pieces[0], size);
}

function showDifference([left, right], kept, size) {
  left.style.visibility = "hidden";
  right.style.filter = "brightness(3)"; // a faint watermark should be seen
  draw(right, kept, size, "difference", false);
}

function flicker() {
  let shown = true;
  compare.timer = setInterval(() => {
    shown = !shown;
    byId("right").style.visibility = shown ? "" : "hidden";
  }, FLICKER_MS);
}

// Left of the cut is the kept photo, right of it the copy.
function moveCut(share) {
  compare.cut = Math.min(1, Math.max(0, share));
  const right = byId("right"), cut = byId("cut"), stage = byId("stage");
  right.style.clipPath = "inset(0 0 0 " + 100 * compare.cut + "%)";
  const box = right.getBoundingClientRect(), around = stage.getBoundingClientRect();
  cut.style.left = box.left - around.left + compare.cut * box.width + "px";
  cut.style.top = box.top - around.top + "px";
  cut.style.height = box.height + "px";
}

function describePair(group, kept, member) {
  byId("compare-title").textContent = "Group " + group.id + ", copy " + compare.index + " of " + (group.members.length - 1);
  for (const [id, shown] of [["left-name", kept], ["right-name", member]]) {
    const folder = element("span", "folder", shown.folder), facts = element("span", "facts", shown.facts);
    byId(id).replaceChildren(element("span", "badge", shown.badge), element("span", "named", shown.name), folder, facts);
    byId(id).className = shown.keep ? "keep" : "copy";
  }
  byId("compare-why").textContent = member.why;
  byId("previous").disabled = compare.index <= 1;
  byId("next").disabled = compare.index >= group.members.length - 1;
}

function setMode(mode) {
  compare.mode = mode;
  document.querySelectorAll("[data-mode]").forEach((button) => button.setAttribute("aria-pressed", button.dataset.mode === mode));
  showPair();
}

function setAligned(on) {
  compare.aligned = on;
  byId("aligned").setAttribute("aria-pressed", on);
  showPair();
}

function stepCopy(direction) {
  const index = compare.index + direction;
  if (index < 1 || index >= compare.group.members.length) return;
  compare.index = index;
  showPair();
}

function onCompareKey(event) {
  if (!byId("compare").open || event.ctrlKey || event.metaKey || event.altKey) return;
  const actions = { ArrowLeft: () => stepCopy(-1), ArrowRight: () => stepCopy(1), a: () => setAligned(!compare.aligned) };
  MODES.forEach((mode, index) => { actions[index + 1] = () => setMode(mode); });
  if (actions[event.key]) {
    event.preventDefault();
    actions[event.key]();
  }
}

function startCompare() {
  const dialog = byId("compare"), stage = byId("stage");
  document.addEventListener("keydown", onCompareKey);
  dialog.addEventListener("close", () => {
    clearInterval(compare.timer);
    compare.opener?.focus();
  });
  document.querySelectorAll("[data-mode]").forEach((button) => button.addEventListener("click", () => setMode(button.dataset.mode)));
  byId("aligned").addEventListener("click", () => setAligned(!compare.aligned));
  byId("previous").addEventListener("click", () => stepCopy(-1));
  byId("next").addEventListener("click", () => stepCopy(1));
  byId("close").addEventListener("click", () => dialog.close());
  const slide = (event) => {
    if (compare.mode !== "slider" || (event.type === "pointermove" && event.pointerType === "touch" && !event.buttons)) return;
    const box = byId("right").getBoundingClientRect();
    moveCut((event.clientX - box.left) / box.width);
  };
  stage.addEventListener("pointerdown", slide);
  stage.addEventListener("pointermove", slide);
  window.addEventListener("resize", () => { if (dialog.open) showPair(); });
}

startList();
startCompare();
