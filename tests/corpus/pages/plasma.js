// Photo-like pictures without a photo: smooth noise in several octaves, a light falling off, and a little grain.
let seed = 41;
const random = n => (seed = seed * 48271 % 2147483647) % n;
function field(size) { return Float32Array.from({length: size * size}, () => random(1000) / 1000); }
function smooth(values, size, x, y) {
  const i = Math.floor(x), j = Math.floor(y), u = x - i, v = y - j, at = (a, b) => values[(b % size) * size + a % size];
  const s = u * u * (3 - 2 * u), t = v * v * (3 - 2 * v);
  return (at(i, j) * (1 - s) + at(i + 1, j) * s) * (1 - t) + (at(i, j + 1) * (1 - s) + at(i + 1, j + 1) * s) * t;
}
function paint(canvas, width, height, number, grain) {
  seed = number * 7919 + 1; canvas.width = width; canvas.height = height;
  const context = canvas.getContext("2d"), picture = context.createImageData(width, height), values = field(64);
  const tint = [0, 1, 2].map(() => 60 + random(140));
  for (let y = 0, k = 0; y < height; y++) for (let x = 0; x < width; x++) {
    let cloud = 0; for (let octave = 0, scale = 3 / width, weight = .5; octave < 6; octave++, scale *= 2.1, weight *= .55) cloud += weight * smooth(values, 64, x * scale + octave * 9, y * scale + octave * 5);
    const light = 1.15 - Math.hypot(x / width - .35, y / height - .3) * .7;
    for (let c = 0; c < 3; c++) picture.data[k++] = (tint[c] * (.35 + cloud * (1 + c * .15))) * light + random(2 * grain + 1) - grain;
    picture.data[k++] = 255;
  }
  context.putImageData(picture, 0, 0);
}
