// A film without a photo, for tests without a browser.

export const info = (more = {}) => ({
  name: "toy",
  title: "Toy",
  lengths: Array.from({ length: 257 }, (_, k) => k),
  bytes_per_token: 8,
  generative: true,
  default_steps: 8,
  has_attention: true,
  layers_read: 8,
  layers_write: 8,
  ...more,
});

export const start = (more = {}) => ({
  token: "t",
  info: info(more),
  scale: [-1, 6.5],
  original: null,
  reference: null,
  home: "",
  credit: "",
  example: "",
});

export const frame = (mode, length, more = {}) => ({
  mode,
  length,
  bitmap: { close() {} },
  levels: new Uint8Array(127),
  psnr: 20,
  ssim: 0.5,
  bands: [0.1, 0.2, 0.3],
  ...more,
});
