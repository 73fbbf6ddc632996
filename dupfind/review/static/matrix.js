// Three by three matrices, row by row: how one picture lies on another.

export const IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 1];

export function times(m, n) {
  const made = [];
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 3; column++) {
      made.push(m[3 * row] * n[column] + m[3 * row + 1] * n[3 + column] + m[3 * row + 2] * n[6 + column]);
    }
  }
  return made;
}

export function inverse([a, b, c, d, e, f, g, h, i]) {
  const made = [e * i - f * h, c * h - b * i, b * f - c * e, f * g - d * i, a * i - c * g, c * d - a * f, d * h - e * g, b * g - a * h, a * e - b * d];
  const determinant = a * made[0] + b * made[3] + c * made[6];
  return Math.abs(determinant) < 1e-12 ? null : made.map((value) => value / determinant);
}

export function applied([a, b, c, d, e, f, g, h, i], [x, y]) {
  const depth = g * x + h * y + i;
  return [(a * x + b * y + c) / depth, (d * x + e * y + f) / depth];
}

const scaling = (x, y) => [x, 0, 0, 0, y, 0, 0, 0, 1];

// From pixels of b to pixels of a, where `shares` leads from shares of a's sides to shares of b's.
export function laid(shares, a, b) {
  const back = inverse(shares);
  return back && times(times(scaling(a.width, a.height), back), scaling(1 / b.width, 1 / b.height));
}

// b as large as a allows, in its middle: where nothing tells how it lies.
export function centred(a, b) {
  const scale = Math.min(a.width / b.width, a.height / b.height);
  return [scale, 0, (a.width - b.width * scale) / 2, 0, scale, (a.height - b.height * scale) / 2, 0, 0, 1];
}

export function corners(m, { width, height }) {
  return [[0, 0], [width, 0], [width, height], [0, height]].map((corner) => applied(m, corner));
}

// Whether all corners are before the eye, and none is absurdly far.
export function isSound(m, size, around) {
  const depths = [[0, 0], [size.width, 0], [size.width, size.height], [0, size.height]].map(([x, y]) => m[6] * x + m[7] * y + m[8]);
  if (!depths.every((depth) => depth > 0) && !depths.every((depth) => depth < 0)) return false;
  const far = 40 * Math.max(around.width, around.height);
  return corners(m, size).flat().every((value) => Number.isFinite(value) && Math.abs(value) < far);
}

export function css([a, b, c, d, e, f, g, h, i]) {
  const part = [a, d, 0, g, b, e, 0, h, 0, 0, 1, 0, c, f, 0, i].map((value) => value / i);
  part[10] = 1;
  return "matrix3d(" + part.map((value) => +value.toPrecision(12)).join(",") + ")";
}
