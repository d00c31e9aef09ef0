// A large JPEG at a half, a quarter or an eighth is Pillow's, byte for byte, however it lies in its file.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { jpegIn } from "../../demo/page/onnx/headers.js";
import { smaller, upright } from "../../demo/page/onnx/jpeg.js";
import { crc32 } from "../../demo/page/onnx/packing.js";
import { bytes } from "../../demo/page/tokens.js";

const stored = JSON.parse(readFileSync(new URL("onnx.json", import.meta.url), "utf-8"));
const binary = readFileSync(new URL("../../demo/page/vendor/jpeg-turbo.wasm", import.meta.url));
const code = await WebAssembly.compile(binary);

/** A JPEG upright and smaller, as RGB. */
async function rgbOf(file, told, scale) {
  const [width, height] = [told.width, told.height].map((side) => Math.ceil(side / scale));
  const picture = upright(await smaller(code, file, { width, height }), told.turn);
  const rows = Array.from({ length: picture.height }, (_, y) => [...picture.row(y)]);
  return { ...picture, rgb: Uint8Array.from(rows.flat().filter((_, i) => i % 4 < 3)) };
}

test("pixels are Pillow's at every scale, progressive or not, whichever way the photo was held", async () => {
  assert.deepEqual([...new Set(stored.jpegs.map(({ turn }) => turn))], [1, 2, 3, 4, 5, 6, 7, 8]);
  for (const { turn, file, sums } of stored.jpegs) {
    const told = jpegIn(bytes(file));
    assert.deepEqual([told.turn, told.colours, told.profile], [turn, 3, null]);
    assert.deepEqual(Object.keys(sums), ["2", "4", "8"]);
    for (const [scale, { size, crc }] of Object.entries(sums)) {
      const { width, height, rgb } = await rgbOf(bytes(file), told, Number(scale));
      assert.deepEqual([width, height], size, `turn ${turn} at 1/${scale}`);
      assert.equal(crc32(rgb), crc, `turn ${turn} at 1/${scale}`);
    }
  }
});

test("what is damaged, or no JPEG, or has four colours is not decoded here", async () => {
  const file = bytes(stored.jpegs[0].file);
  const size = { width: 10, height: 7 };
  assert.equal(await smaller(code, file.subarray(0, file.length / 2), size), null);
  assert.equal(await smaller(code, Uint8Array.of(0xff, 0xd8, 0xff, 0xd9), size), null);
  assert.equal(await smaller(code, new Uint8Array(500), size), null);
  assert.equal(jpegIn(bytes(stored.cmyk)).colours, 4);
  assert.equal(await smaller(code, bytes(stored.cmyk), { width: 12, height: 8 }), null);
  const still = await smaller(code, file, { width: 37, height: 25 });
  assert.equal(still?.pixels.length, 4 * 37 * 25, "the next one is not hurt by it");
});

/** A JPEG's segment. */
const segment = (marker, ...content) => {
  const length = 2 + content.length;
  return [0xff, marker, length >> 8, length & 255, ...content];
};
const letters = (words) => [...words].map((letter) => letter.charCodeAt(0));
const frame = segment(0xc2, 8, 1, 0, 2, 0, 4);
const exif = (...block) => segment(0xe1, ...letters("Exif\0\0"), ...block);

test("a JPEG says how it was held, what its colours mean, and how many a pixel has", () => {
  const part = (number, ...content) => segment(0xe2, ...letters("ICC_PROFILE\0"), number, 2, ...content);
  const big = exif(...letters("MM"), 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0);
  const head = (...parts) => Uint8Array.from([0xff, 0xd8, ...parts.flat(), 0xff, 0xda, 0, 2, 1, 2, 3]);
  const told = jpegIn(head(part(2, 7, 8), big, part(1, 5, 6), frame));
  assert.deepEqual(
    { ...told, profile: [...told.profile] },
    {
      width: 512,
      height: 256,
      colours: 4,
      turn: 6,
      profile: [5, 6, 7, 8],
    },
  );
  const beyond = exif(...letters("II"), 42, 0, 200, 0, 0, 0);
  assert.equal(jpegIn(head(beyond, frame)).turn, 1, "what points beyond its end says nothing");
  const odd = exif(...letters("II"), 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 9, 0, 0, 0);
  assert.equal(jpegIn(head(odd, frame)).turn, 1);
  assert.equal(jpegIn(head(frame)).profile, null);
  assert.equal(jpegIn(head(segment(0xe0, 1, 2))), null, "no frame");
  assert.equal(jpegIn(Uint8Array.of(1, 2, 3)), null);
});
