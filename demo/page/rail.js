// The rail: a logarithmic scale for the finger over a native range for keyboard and screen reader.
let marks = [], settle = 0, opening = 0, box = null;   // box: where the rail is, measured when it is touched
const place = (length) => octave(length) / octave(film ? film.top : 256);          // length -> 0..1
const fromX = (x) => { const p = Math.min(1, Math.max(0, (x - box.left) / box.width)); return Math.round(2 ** (p * octave(film.top)) - 1); };
function scale() {                                                                  // marks 0, 1, 2, 4, ... and the longest
  const top = film ? film.top : 256, powers = LADDER.filter((m) => m < top && !(m & (m - 1)));
  $('.marks').replaceChildren(...(marks = [...powers, top].map((m) => { const s = document.createElement('span'); s.textContent = m; s.style.left = place(m) * 100 + '%'; return s; })));
  at.range.max = top;
  set(k, 'keep');
}
function set(next, how) {
  next = film ? film.lengths.reduce((a, b) => (Math.abs(b - next) < Math.abs(a - next) ? b : a)) : Math.min(256, Math.max(0, next | 0));
  if (next === k && how !== 'keep') return;
  k = next;
  if (how !== 'drag') speak();        // under a finger nobody listens; touching the range costs layout
  paint();
}
function speak() { at.range.value = k; at.range.setAttribute('aria-valuetext', k === 1 ? '1 token' : k + ' tokens'); }
function settled() {                  // only when the visitor stops
  clearTimeout(settle);
  settle = setTimeout(() => {
    if (film && !hidden()) history.replaceState(null, '', address(false));
    pull(); if (film?.view && film.view.value !== 'seeds') show(film.view);      // quick ones follow the dial
  }, 250);
}
at.rail.addEventListener('pointerdown', (e) => {
  if (!film || e.button) return;
  box = at.rail.getBoundingClientRect();
  at.rail.setPointerCapture(e.pointerId); at.range.focus({ preventScroll: true }); set(fromX(e.clientX), 'drag'); e.preventDefault();
});
at.rail.addEventListener('pointermove', (e) => { if (at.rail.hasPointerCapture(e.pointerId)) { clearTimeout(settle); set(fromX(e.clientX), 'drag'); } });
for (const t of ['pointerup', 'pointercancel']) at.rail.addEventListener(t, () => { speak(); paint(); settled(); });
at.range.addEventListener('input', () => {                                          // to the next length on that side
  const v = +at.range.value, next = !film ? v : v > k ? film.lengths.find((c) => c >= v) : film.lengths.findLast((c) => c <= v);
  at.range.value = k; set(next ?? k); settled();
});
at.range.addEventListener('keydown', (e) => {                                       // page keys walk the ladder
  const next = { PageUp: LADDER.find((c) => c > k) ?? film?.top, PageDown: LADDER.findLast((c) => c < k) ?? 0 }[e.key];
  if (next !== undefined) { e.preventDefault(); set(next); settled(); }
});

// ---- a photo that is pasted or dropped goes through the upload button's own input
function give(file) {
  const input = document.querySelector('#choose input[type=file]'), list = new DataTransfer();
  if (!file || !input) return;
  list.items.add(file); input.files = list.files; input.dispatchEvent(new Event('change', { bubbles: true }));
}
document.addEventListener('paste', (e) => give([...e.clipboardData.files][0]));
document.addEventListener('dragover', (e) => e.preventDefault());
document.addEventListener('drop', (e) => { e.preventDefault(); give([...e.dataTransfer.files][0]); });

// ---- a plot as a picture, as it looks
for (const button of element.querySelectorAll('.png')) button.addEventListener('click', async () => {
  const plot = button.closest('figure').querySelector('.spec'), copy = plot.cloneNode(true), nodes = [...plot.querySelectorAll('*')], image = new Image(1600, 760), pen = Object.assign(document.createElement('canvas'), { width: 1600, height: 760 }).getContext('2d');
  copy.querySelectorAll('*').forEach((node, i) => { const style = getComputedStyle(nodes[i]); for (const name of ['fill', 'stroke', 'strokeWidth', 'strokeDasharray', 'opacity', 'fontSize', 'fontFamily', 'textAnchor']) node.style[name] = style[name]; });
  copy.setAttribute('width', 1600); copy.setAttribute('height', 760); image.src = 'data:image/svg+xml,' + encodeURIComponent(new XMLSerializer().serializeToString(copy)); await image.decode();
  pen.fillStyle = getComputedStyle(document.body).backgroundColor; pen.fillRect(0, 0, 1600, 760); pen.drawImage(image, 0, 0, 1600, 760); pen.canvas.toBlob((blob) => save(blob, 'plot.png'));
});

// ---- what the rest of the page may call
const save = (blob, name) => { const a = document.createElement('a'); a.href = URL.createObjectURL(blob); a.download = name; a.click(); setTimeout(() => URL.revokeObjectURL(a.href), 1000); };
const table = (name, head, rows) => save(new Blob([head + '\n', ...rows.map((row) => row.map((v) => v ?? '').join() + '\n')], { type: 'text/csv' }), name);
const dial = window.dial = {
  onpaint: null, set: (n) => { swept = true; stop(); set(n); settled(); }, address,
  open(question) { clearTimeout(opening); if (question.from !== 'again') bring(question); else if (film) opening = setTimeout(bring, 250, question); },   // a slider is let go
  take: retake, mode(m) { mode = m; last = null; ready(); pull(); },
  picture: () => $('.pic').toBlob((b) => save(b, 'tokens-' + k + '.png')),
  curves: () => film && table('curves.csv', 'tokens,mean_psnr_db,mean_ssim,mean_high_band_decades,mean_agreement,sample_psnr_db,sample_ssim,sample_high_band_decades,sample_agreement,linear_psnr_db,webp_psnr_db', film.lengths.map((c) =>
    [c, ...[film.mean, film.sample].flatMap((r) => [...r.at[c]?.scores ?? ['', '', ''], r.seen?.agreement?.[c]]), film.told.linear?.[c], film.told.webp?.find((row) => row[0] === c)?.[1]])),
  spectra: () => film && table('spectra-' + k + '.csv', 'cycles,photo_log10_power,mean_log10_power,sample_log10_power', Array.from({ length: 127 }, (_, i) =>
    [i + 1, ...[film.levels, film.mean.at[k]?.levels, film.sample.at[k]?.levels].map((of) => of && (film.scale[0] + of[i] / 255 * (film.scale[1] - film.scale[0])).toFixed(2))])),
  forget: () => film && ask({ what: 'forget', token: film.token }).then(() => location.assign(location.pathname)),
  tokens: () => film && film.told.tokens && save(new Blob([bytes(film.told.tokens)]), 'photo.tokens'),
  get k() { return k; }, get shown() { return last ? last.c : -1; }, get badge() { return at.badge.textContent; }, get done() { return !!film && film.done; },
  get loaded() { return film ? { mean: film.mean.have.length, sample: film.sample.have.length } : { mean: 0, sample: 0 }; },
};
