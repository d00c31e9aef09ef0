// The views: stage, spectrum, attention and numbers. In a drag only draw() runs; all else is made on arrival.
const W = 400, H = 190, PAD = { l: 12, r: 14, t: 8, b: 34 };
const pic = $('.pic').getContext('2d', { alpha: false }), att = $('.att').getContext('2d'), dim = att.createImageData(16, 16);
const at = {};
for (const name of ['k', 'bytes', 'psnr', 'ssim', 'linear', 'token', 'mass']) at[name] = $('.n-' + name);
for (const name of ['fill', 'thumb', 'cur', 'ref', 'badge', 'held', 'needle', 'status', 'range', 'rail', 'pick', 'follow', 'stage']) at[name] = $('.' + name);
at.on = $('.att-on');
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
  const p = place(k);
  at.fill.style.transform = 'scaleX(' + p + ')';
  at.thumb.style.transform = 'translateX(' + p * 100 + '%)';
  put(at.k, String(k));
  const picked = film && choose();
  if (!picked) return;
  const [frame, name, exact] = picked;
  put(at.bytes, (k * film.bytes).toLocaleString('en'));
  put(at.linear, film.linear && k < film.linear.length ? film.linear[k].toFixed(1) : '–');
  put(at.badge, name);
  if (frame !== last) {
    pic.drawImage(frame.bitmap, 0, 0);
    at.cur.setAttribute('d', frame.curve);
    put(at.psnr, frame.psnr); put(at.ssim, frame.ssim);
    last = frame;
  }
  gaze();
  stats.draws++; if (exact) stats.exact++;
  if (dial.onpaint) dial.onpaint(k, frame.c);
}
const ask = () => { if (!dirty) { dirty = true; requestAnimationFrame(draw); } };

let token = 1, gazed = '';
function gaze() {
  if (!film.attention) return;
  if (at.follow.checked) token = Math.min(film.top, Math.max(1, k));
  const now = token + film.token + at.on.checked + film.mass.length;
  at.held.style.transform = 'scaleX(' + k / film.top + ')';
  if (now === gazed) return;
  gazed = now;
  put(at.token, String(token));
  put(at.mass, Math.round(100 * film.mass[token - 1]) + ' %');
  at.needle.style.transform = 'translateX(' + ((token - 0.5) / film.top) * 100 + '%)';
  if (!at.on.checked) return;
  const map = film.attention.subarray((token - 1) * 256, token * 256), px = dim.data;
  for (let i = 0; i < 256; i++) { px[4 * i] = px[4 * i + 1] = 8; px[4 * i + 2] = 16; px[4 * i + 3] = 210 - 0.82 * map[i]; }   // dims what it does not look at
  att.putImageData(dim, 0, 0);
}
const lookAt = (n, pinned) => { token = n; if (pinned) at.follow.checked = false; ask(); };
at.pick.addEventListener('input', () => lookAt(+at.pick.value, true));
at.follow.addEventListener('change', () => { at.pick.value = token; ask(); });
at.on.addEventListener('change', () => { $('.att').classList.toggle('on', at.on.checked); gazed = ''; ask(); });

// ---- once a film
function lay(start) {
  const url = 'data:image/webp;base64,' + start.original;
  $('.photo').src = $('.thumbnail').src = url;
  put($('.credit'), start.credit);
  at.ref.setAttribute('d', path(bytes(start.reference)));
  at.cur.setAttribute('d', '');
  $('.look').classList.toggle('none', true);
  const n = Math.floor(start.decades), y = (i) => PAD.t + (i / start.decades) * (H - PAD.t - PAD.b);
  $('.grid').innerHTML = Array.from({ length: n + 1 }, (_, i) => '<line x1="' + PAD.l + '" x2="' + (W - PAD.r) + '" y1="' + y(i) + '" y2="' + y(i) + '"/>').join('')
    + [1, 2, 4, 8, 16, 32, 64, 128].map((f) => '<text x="' + X(f) + '" y="' + (H - 18) + '">' + f + '</text>').join('')
    + '<text x="' + W / 2 + '" y="' + (H - 3) + '">cycles per picture · a line is a factor of ten in power</text>';
  element.querySelector('.dial').classList.remove('ready');
  scale();
}
function bars() {
  const high = Math.max(...film.mass, 1e-6), n = film.mass.length;
  $('.bars').setAttribute('d', film.mass.map((m, i) => 'M' + (i + 0.5) * (256 / n) + ' 40V' + (40 - 36 * m / high).toFixed(1)).join(''));
  at.pick.max = n; at.pick.value = token = Math.min(token, n);
  $('.look').classList.remove('none'); gazed = '';
}
const say = (text, bad) => { at.status.classList.toggle('bad', !!bad); put(at.status, text); };
function ready() {
  if (!film || !(film.mean.have.length + film.sample.have.length)) return;
  const n = film.lengths.length, loaded = film.mean.have.length;
  $('.dial').classList.add('ready'); at.range.disabled = false;
  for (const m of marks) m.classList.toggle('has', !!(film.mean.at[+m.textContent] || film.sample.at[+m.textContent]));
  say(loaded < n ? loaded + ' of ' + n + ' lengths are here' : 'All ' + n + ' lengths are in this page: turning the dial asks the server nothing.');
}
$('.spec').setAttribute('viewBox', '0 0 ' + W + ' ' + H);
$('.strip svg').setAttribute('viewBox', '0 0 256 40');
const peek = (on) => at.stage.classList.toggle('peek', on), hold = $('.compare');
for (const node of [at.stage, hold]) {
  node.addEventListener('pointerdown', () => peek(true));
  for (const t of ['pointerup', 'pointerleave', 'pointercancel']) node.addEventListener(t, () => peek(false));
}
hold.addEventListener('keydown', (e) => { if (e.key === ' ' || e.key === 'Enter') { e.preventDefault(); peek(true); } });
hold.addEventListener('keyup', () => peek(false)); hold.addEventListener('blur', () => peek(false));
