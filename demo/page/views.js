// The views: stage, spectrum, attention and numbers. In a drag only draw() runs; all else is made on arrival.
const W = 400, H = 190, PAD = { l: 12, r: 14, t: 8, b: 34 };
const pic = $('.pic').getContext('2d', { alpha: false }), att = $('.att').getContext('2d'), dim = att.createImageData(16, 16);
const dif = $('.dif').getContext('2d', { alpha: false }), thumb = new OffscreenCanvas(16, 16).getContext('2d', { willReadFrequently: true }), filmstrip = $('.filmstrip').getContext('2d');
const PARTS = 'k bytes psnr ssim linear token mass gain other fill thumb cur also ref mark goal measure unit fewest ticks past guess share layer control bands seen badge held needle status range rail pick follow stage wipe said open dial';
const at = Object.fromEntries(PARTS.split(' ').map((name) => [name, $('.n-' + name) || $('.' + name)]));
at.on = $('.att-on'); at.add = $('.add-on'); at.less = $('.less-on');
const put = (node, text) => { const t = node.firstChild || node.appendChild(new Text()); if (t.data !== text) t.data = text; };   // no new nodes in a drag

const X = (f) => PAD.l + (Math.log2(f) / 7) * (W - PAD.l - PAD.r);            // 1..128 cycles per picture
const rings = [];                                                              // first and last ring of a point: above 32 several share one
for (let a = 1; a < 128; a += Math.max(1, a >> 4)) rings.push([a, Math.min(127, a + Math.max(1, a >> 4) - 1)]);
const xs = rings.map(([a, b]) => X((a + b) / 2).toFixed(1) + ' ');
const path = (levels) => 'M' + rings.map(([a, b], i) => {
  const mean = levels.subarray(a - 1, b).reduce((x, y) => x + y) / (b - a + 1);
  return xs[i] + (PAD.t + (1 - mean / 255) * (H - PAD.t - PAD.b)).toFixed(1);
}).join('L');

function draw() {
  dirty = false;
  at.fill.style.transform = 'scaleX(' + place(k) + ')'; at.thumb.style.transform = 'translateX(' + place(k) * 100 + '%)';
  put(at.k, String(k));
  const [frame, name] = (film && choose()) || [];
  if (!frame) return;
  put(at.bytes, thousands.format(k * film.bytes_per_token)); put(at.linear, film.told.linear?.[k]?.toFixed(1) ?? '–');
  put(at.badge, at.add.checked ? 'what changed' : at.less.checked ? 'what is not there yet' : name);
  if (frame !== last) { last = frame; pic.drawImage(frame.bitmap, 0, 0); put(at.psnr, frame.psnr); put(at.ssim, frame.ssim); }
  const turning = at.rail.matches(':active');     // then what is off the screen waits
  if (plot.seen || !turning) at.mark.style.transform = 'translateX(' + place(k) * 100 + '%)';
  if (curve !== frame && (spectrum.seen || !turning)) { curve = frame; at.cur.setAttribute('d', frame.curve); put(at.bands, frame.off); }
  const kind = frame.m === 'mean' ? 'sample' : 'mean', other = turning ? null : film[kind].at[nearest(film[kind])];   // beside it, the other kind; not in a drag
  if (!turning && frame !== earlier) { earlier = frame; const less = LADDER.filter((c) => c < frame.c && film[frame.m].at[c]).slice(-4); [...at.past.children].forEach((line, i) => line.setAttribute('d', less.length > i ? film[frame.m].at[less.at(~i)].curve : '')); }
  if (other !== beside) { beside = other; at.also.setAttribute('d', other ? other.curve : ''); put(at.other, film.generative ? 'the ' + kind : ''); }
  if (look.seen || !turning || at.on.checked || at.add.checked || at.less.checked) gaze();
  if (!turning) at.control.setAttribute('d', film.told.control?.[frame.c] ? path(bytes(film.told.control[frame.c])) : '');
  if (!turning) put(at.guess, sees(frame) && sees(frame) + (film.original ? ' (the photo: ' + film[judged(frame.m)].seen.photo + ')' : ''));
  if (guess) judge();
  if (dial.onpaint) dial.onpaint(k, frame.c);
}
const judged = (m) => (film[m].seen?.guess ? m : 'mean');     // on a CPU the samples come last
const sees = ({ m, c }) => { const words = film[judged(m)].seen?.guess, near = words && LADDER.findLast((n) => n <= c && words[n]); return near === undefined ? '' : words[near] + (near < c ? ' at ' + num(near) : '') + (judged(m) === m ? '' : ' in the mean'); };
async function see(m) {               // what a classifier makes of a kind's pictures, once the ladder is there
  const r = film[m];
  if (r.seen || !(film.told.linear || film.done) || !LADDER.every((c) => c > film.top || r.at[c])) return;
  r.seen = {}; const got = await ask({ ...asked(), what: 'view', view: 'guess', n: 0, of: m });
  if (film[m] === r && got.guess) { r.seen = got; last = null; ready(); }
}
const spectrum = $('.spec'), plot = $('.plot'), look = $('.look'), eyes = new IntersectionObserver((all) => { for (const e of all) e.target.seen = e.isIntersecting; });
for (const panel of [spectrum, plot, look]) eyes.observe(panel);
const paint = () => { if (!dirty) { dirty = true; requestAnimationFrame(draw); } };

// ---- PSNR, SSIM or the high band over tokens, on the rail's own scale
const down = (part) => (PAD.t + part * (H - PAD.t - PAD.b)).toFixed(1), across = (c) => (PAD.l + place(c) * (W - PAD.l - PAD.r)).toFixed(1);
function curves() {
  const m = at.measure.selectedIndex, unit = [4, 0.2, 0.5, 0.25][m], good = m !== 2 ? (v) => v >= +at.goal.value : (v) => v <= +at.goal.value;
  const of = (r) => r.have.toSorted((a, b) => a - b).map((c) => [c, m < 3 ? r.at[c].scores[m] : r.seen?.agreement?.[c]]).filter((p) => p[1] > 0);
  const lines = { mean: of(film.mean), sample: of(film.sample), linear: (m ? [] : film.told.linear || []).map((v, c) => [c, v]), WebP: m ? [] : film.told.webp || [] };
  const all = Object.values(lines).flat().map((p) => p[1]), low = Math.floor(Math.min(...all) * 2 / unit) * unit / 2, high = Math.max(low + unit, ...all), y = (v) => down((high - v) / (high - low));
  for (const name in lines) $('.c-' + name).setAttribute('d', lines[name].map(([c, v], i) => (i ? 'L' : 'M') + across(c) + ' ' + y(v)).join(''));
  if (!all.length) { at.ticks.innerHTML = ''; return put(at.fewest, 'not known yet'); }
  at.ticks.innerHTML = Array.from({ length: Math.floor((high - low) / unit) + 1 }, (_, i) => low + unit * i).map((v) => '<line x1="' + PAD.l + '" x2="' + (W - PAD.r) + '" y1="' + y(v) + '" y2="' + y(v) + '"/><text class="left" x="' + PAD.l + '" y="' + (y(v) - 3) + '">' + +v.toFixed(2) + '</text>').join('')
    + marks.map((m) => '<text x="' + across(+m.textContent) + '" y="' + (H - 18) + '">' + m.textContent + '</text>').join('') + '<text x="' + W / 2 + '" y="' + (H - 3) + '">tokens</text>';
  put(at.fewest, Object.keys(lines).filter((name) => lines[name].length).map((name) => name + ' ' + (lines[name].find((p) => good(p[1]))?.[0] ?? 'never')).join(', '));
}
at.goal.addEventListener('input', () => film?.original && curves());
at.measure.addEventListener('input', () => {        // another measure, another goal
  const m = at.measure.selectedIndex; at.goal.value = [20, 0.5, 0.5, 0.5][m]; put(at.unit, ['dB', 'SSIM', 'decades', 'of 1'][m]); at.dial.classList.toggle('ssim', m > 0); if (film?.original) curves();
});

let token = 1, gazed = '', patch = -1;   // patch: what the pointer is at, of 16 x 16
function gaze() {
  if (at.follow.checked) token = Math.min(film.top, Math.max(1, k));
  const to = film.mean.at[token] ? token : film.mean.have.reduce((best, c) => (c > token && c < best ? c : best), 999);   // the step over the token
  const back = film.mean.have.reduce((best, c) => (c < to && c < token && c > best ? c : best), -1);
  const now = [token, film.token, at.on.checked, film.mass.length, at.add.checked && [back, to], at.less.checked && [last.m, last.c]].join();
  at.held.style.transform = 'scaleX(' + k / film.top + ')';
  if (now === gazed) return;
  gazed = now;
  put(at.token, String(token));
  at.needle.style.transform = 'translateX(' + ((token - 0.5) / film.top) * 100 + '%)';
  if (at.add.checked) differ(film.mean.at[back], film.mean.at[to], 'changes from ' + back + ' to ' + to + ' tokens in the mean');
  if (at.less.checked) differ({ bitmap: $('.photo') }, last, 'differs from the photo');
  if (!film.attention) return;
  put(at.mass, (100 * film.mass[token - 1]).toFixed(film.mass[token - 1] < 0.095 ? 1 : 0) + ' %');
  if (!at.on.checked) return;
  const map = film.attention.subarray((token - 1) * 256, token * 256), px = dim.data;
  for (let i = 0; i < 256; i++) { px[4 * i] = px[4 * i + 1] = 8; px[4 * i + 2] = 16; px[4 * i + 3] = 210 - 0.82 * map[i]; }   // dims what it does not look at
  att.putImageData(dim, 0, 0);
}
function differ(less, more, what) {   // the difference of two pictures, doubled until it can be seen
  put(at.gain, ''); dif.globalCompositeOperation = 'source-over'; dif.fillRect(0, 0, 128, 128);
  if (!less || !more) return;
  dif.drawImage(more.bitmap, 0, 0, 128, 128); dif.globalCompositeOperation = 'difference'; dif.drawImage(less.bitmap, 0, 0, 128, 128);
  dif.globalCompositeOperation = 'lighter'; thumb.drawImage(dif.canvas, 0, 0, 16, 16);
  let gain = 1, most = Math.max(1, ...thumb.getImageData(0, 0, 16, 16).data.filter((_, i) => (i & 3) < 3));
  for (; most < 110 && gain < 64; most *= 2, gain *= 2) dif.drawImage(dif.canvas, 0, 0);
  put(at.gain, 'Bright: what ' + what + (gain > 1 ? ', ' + gain + ' times as strong' : ''));
}
at.pick.addEventListener('input', () => { token = +at.pick.value; at.follow.checked = false; paint(); });
at.follow.addEventListener('change', () => { at.pick.value = token; paint(); });
for (const box of [at.on, at.add, at.less]) box.addEventListener('change', () => {     // one at a time
  for (const other of [at.on, at.add, at.less]) other.checked &&= other === box;
  $('.att').classList.toggle('on', at.on.checked); at.dial.classList.toggle('adding', at.add.checked || at.less.checked);
  gazed = ''; paint();
});
const wipe = (part) => { at.wipe.value = part; at.stage.style.setProperty('--wipe', part + '%'); at.stage.classList.toggle('wiped', part > 0); };   // the photo from the left edge to here, in percent
at.wipe.addEventListener('input', () => wipe(+at.wipe.value));

// ---- on request: a row of pictures, one by one, and where they differ
const ROWS = { seeds: () => [1, 2, 3, 4, 5], codes: () => [0, 1, 2], mix: () => [0, 1], less: () => [0, token] };
async function show(button) {
  const row = film.row = [], count = k;          // film.row: another photo, or another press of a button, ends this one
  film.view = button;
  for (const n of ROWS[button.value]()) {
    put(at.open, 'A moment …');
    const got = await ask({ ...asked(), what: 'view', k: count, view: button.value, n, of: before });
    if (film.row !== row) return;
    if (got.error) return put(at.open, got.error);
    await framed(row, got.caption, got.webp ? Object.assign(new Image(), { src: 'data:image/webp;base64,' + got.webp }) : document.createElement('canvas'));
    if (film.row !== row) return; $('.pictures').replaceChildren(...row);
  }
  if (['seeds', 'less'].includes(button.value)) $('.pictures').append(await framed(row, ...differing(row)));
  put(at.open, 'At ' + num(count) + '. ' + button.title);
}
async function framed(row, caption, picture) {
  const box = document.createElement('figure'); box.append(picture, caption); row.push(box); picture.alt = picture.ariaLabel = caption;
  await picture.decode?.(); return box;
}
function differing(row) {              // their standard deviation, as strong as needed to be seen
  const map = Object.assign(document.createElement('canvas'), { width: 64, height: 64, role: 'img' }), brush = map.getContext('2d', { willReadFrequently: true });
  const values = row.map((box) => { brush.drawImage(box.firstChild, 0, 0, 64, 64); return brush.getImageData(0, 0, 64, 64).data; }), mean = (i, power) => values.reduce((sum, v) => sum + v[i] ** power, 0) / values.length;
  const apart = Array.from(values[0], (_, i) => (i % 4 > 2 ? 0 : Math.sqrt(mean(i, 2) - mean(i, 1) ** 2))), gain = Math.max(1, Math.min(64, Math.floor(220 / Math.max(...apart))));
  brush.putImageData(new ImageData(Uint8ClampedArray.from(apart, (v, i) => (i % 4 > 2 ? 255 : gain * v)), 64), 0, 0);
  return ['where they differ' + (gain > 1 ? ', × ' + gain : ''), map];
}
for (const button of element.querySelectorAll('.view')) button.addEventListener('click', () => film && show(button));

// ---- once a film
function lay(start) {
  const url = start.original ? 'data:image/webp;base64,' + start.original : '';
  for (const c of ['.photo', '.thumbnail']) if (url) $(c).src = url; else $(c).removeAttribute('src');
  at.dial.classList.toggle('linked', !url); begun(start); $('.pictures').replaceChildren(); put(at.open, '');
  put($('.credit'), start.credit);
  at.ref.setAttribute('d', url && path(bytes(start.reference)));
  at.cur.setAttribute('d', ''); at.layer.replaceChildren(); put(at.share, at.share.dataset.read);
  at.dial.classList.toggle('nomap', !(url && film.has_attention)); $('.bars').setAttribute('d', 'M0 39H256'); put(at.mass, '–'); att.clearRect(0, 0, 16, 16); wipe(0);
  at.pick.max = film.top; at.pick.value = token = Math.min(token, at.pick.max); gazed = '';
  const decades = start.scale[1] - start.scale[0], n = Math.floor(decades), y = (i) => PAD.t + (i / decades) * (H - PAD.t - PAD.b);
  $('.grid').innerHTML = Array.from({ length: n + 1 }, (_, i) => '<line x1="' + PAD.l + '" x2="' + (W - PAD.r) + '" y1="' + y(i) + '" y2="' + y(i) + '"/>').join('')
    + [1, 2, 4, 8, 16, 32, 64, 128].map((f) => '<text x="' + X(f) + '" y="' + (H - 18) + '">' + f + '</text>').join('')
    + '<text x="' + W / 2 + '" y="' + (H - 3) + '">cycles per picture · a line is a factor of ten in power</text>';
  for (const view of element.querySelectorAll('.view')) view.hidden = !(start.info.views ?? [view.value]).includes(view.value);
  at.dial.classList.remove('ready');
  scale();
}
function bars() {                     // each token's mass, or how much it looks at one patch
  if (!film?.attention) return;
  const all = patch < 0 ? film.mass : film.mass.map((m, i) => film.attention[i * 256 + patch] / 255), n = all.length, high = patch < 0 ? Math.max(...all, 1e-6) : 1;
  $('.bars').setAttribute('d', all.map((m, i) => 'M' + (i + 0.5) * (256 / n) + ' 40V' + (40 - 36 * m / high).toFixed(1)).join(''));
  at.dial.classList.remove('nomap'); gazed = '';
  put(at.seen, patch < 0 ? '' : 'Row ' + ((patch >> 4) + 1) + ', column ' + ((patch & 15) + 1) + ' is what tokens ' + all.map((m, i) => [m, i + 1]).sort((a, b) => b[0] - a[0]).slice(0, 3).map((p) => p[1]).join(', ') + ' look at most.');
}
function layers(told) {               // of the encoder (read) and the decoder (write); a page without a server has a few
  const every = ['read', 'write'].flatMap((way) => Array.from({ length: film['layers_' + way] }, (_, i) => way + ', layer ' + (i + 1) + ' of ' + film['layers_' + way]));
  for (const [name, maps, mass] of told.layers ?? []) if (maps) film.maps[name] = [maps, mass];
  at.layer.replaceChildren(...(server.still ? told.layers.map((row) => row[0]) : every).map((name) => new Option(name)));
  at.layer.value = 'read, layer ' + ((film.layers_read >> 1) + 1) + ' of ' + film.layers_read; film.maps[at.layer.value] = told.attention; turnTo(told.attention);
}
function turnTo([maps, mass]) { film.attention = bytes(maps); film.mass = mass; put(at.share, at.share.dataset[at.layer.value.split(',')[0]]); bars(); paint(); }
at.layer.addEventListener('change', async () => {
  const mine = film, name = at.layer.value, [way, , n] = name.split(/,? /), got = mine.maps[name] ? {} : await ask({ ...asked(), what: 'view', view: 'layer', n: n - 1, of: way });
  if (got.maps) mine.maps[name] = got.maps;
  if (film === mine && at.layer.value === name) got.error ? say(got.error, true) : turnTo(mine.maps[name]);
});
const point = (to) => { if (at.on.checked && to !== patch) { patch = to; bars(); paint(); } };
at.stage.addEventListener('pointermove', (e) => { const b = at.stage.getBoundingClientRect(), cell = (part) => Math.min(15, Math.max(0, part * 16 | 0)); point(16 * cell((e.clientY - b.top) / b.height) + cell((e.clientX - b.left) / b.width)); });
for (const t of ['pointerleave', 'blur']) at.stage.addEventListener(t, () => point(-1));
at.stage.addEventListener('keydown', (e) => { const way = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -16, ArrowDown: 16 }[e.key]; if (way && at.on.checked) { e.preventDefault(); point((Math.max(patch, 0) + way + 256) % 256); } });
const say = (text, bad, stay) => { news = bad ? Infinity : performance.now() + (stay || 0); at.status.classList.toggle('bad', !!bad); put(at.status, text); };
const still = (c) => mode === 'sample' && film.sample.at[c] || film.mean.at[c];
function drawFilmstrip() {            // what each mark of the rail stands for, under it; bold: it is there
  const c = filmstrip.canvas, r = devicePixelRatio, room = c.clientWidth - 36, side = Math.min(36, room * 0.072);
  Object.assign(c, { width: c.clientWidth * r, height: 36 * r }); filmstrip.scale(r, r); filmstrip.imageSmoothingQuality = 'high';
  for (const m of film ? marks : []) { const n = +m.textContent, f = still(n); m.classList.toggle('has', !!f); if (f) filmstrip.drawImage(f.bitmap, 18 + place(n) * room - side / 2, 0, side, side); }
}
new ResizeObserver(drawFilmstrip).observe(filmstrip.canvas);
function ready() {
  if (!film || !(film.mean.have.length + film.sample.have.length)) return;
  const n = film.lengths.length, loaded = film.mean.have.length;
  at.dial.classList.add('ready'); at.range.disabled = false;
  if (performance.now() > news) say(loaded < n ? loaded + ' of ' + n + ' lengths are here' : 'All ' + n + ' lengths are here: no more requests.');
  if (film.original) curves();
  see('mean'); see('sample'); drawFilmstrip(); greet(); paint();
}
const peek = (on) => at.stage.classList.toggle('peek', on && !!film && !!film.original && !hidden()), hold = $('.compare');
for (const node of [at.stage, hold]) {
  node.addEventListener('pointerdown', () => peek(true));
  for (const t of ['pointerup', 'pointerleave', 'pointercancel', 'keyup', 'blur']) node.addEventListener(t, () => peek(false));
}
hold.addEventListener('keydown', (e) => { if (e.key === ' ' || e.key === 'Enter') { e.preventDefault(); peek(true); } });
