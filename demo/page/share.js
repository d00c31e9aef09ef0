// Links, the sweep, and *Name it*.
const urlsafe = (text) => text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
function address(whole, more) {       // a link that opens anywhere: an example by its name, all else by its tokens
  whole ||= !film.original;           // but what stands in the address bar never holds a visitor's own photo
  const url = new URL((whole && film.home) || location.href), q = new URLSearchParams(whole ? { k, seed: take.seed, mode, ...more } : { k });
  if (whole && !film.example) q.set('t', urlsafe(film.told.tokens || link.get('t')));
  if (film.example) url.searchParams.set('photo', film.example); else url.searchParams.delete('photo');
  url.hash = q;
  return url.href;
}
async function share(text, more) {
  if (!film || !(film.example || film.told.tokens)) return say('A moment: the tokens are not here yet.');
  const url = address(true, more);
  if (navigator.share && matchMedia('(pointer: coarse)').matches) return navigator.share({ text, url }).catch(() => {});
  try { await navigator.clipboard.writeText(url); } catch { return prompt('Copy this link', url); }
  say('The link is copied: ' + (film.example ? 'it opens this example' : thousands.format(url.length) + ' characters hold the tokens, never the photo') + '.', false, 5000);
}
$('.copy').addEventListener('click', () => share('A picture from its first ' + k + ' tokens'));

// ---- a clip: the dial's turn as a square film, recorded here, or a GIF; a phone gives it to whom you choose, else it is a file
$('.clip').addEventListener('click', async () => {
  if (!film || hidden()) return say('A clip needs a film.');
  const own = ['video/mp4', 'video/webm'].find((t) => window.MediaRecorder?.isTypeSupported(t)), type = own || 'image/gif', side = own ? 720 : 480, parts = [], mine = film;
  const pen = Object.assign(document.createElement('canvas'), { width: side, height: side }).getContext('2d', { willReadFrequently: !own }), recorder = own && new MediaRecorder(pen.canvas.captureStream(), { mimeType: type, videoBitsPerSecond: 5e6 });
  const { GIFEncoder, quantize, applyPalette } = own ? {} : await import(URL.createObjectURL(new Blob([GIFENC], { type: 'text/javascript' }))), gif = GIFEncoder?.();
  if (own) { recorder.ondataavailable = (e) => parts.push(e.data); recorder.start(); }
  pen.scale(side / 720, side / 720); Object.assign(pen, { font: '600 30px system-ui, sans-serif', fillStyle: '#fff', shadowBlur: 8, shadowColor: '#000' });
  for (const c of LADDER.filter((c) => film.mean.at[c])) {
    pen.drawImage(still(c).bitmap, 0, 0, 720, 720); pen.fillText(num(c), 28, 668); pen.fillRect(28, 688, 664 * place(c), 8);
    if (gif) { const { data } = pen.getImageData(0, 0, side, side), palette = quantize(data, 256); gif.writeFrame(applyPalette(data, palette), side, side, { palette, delay: 250 }); }
    // all within the five seconds that a phone lets pass between a touch and sharing; another photo ends it
    say('Recording: ' + num(c)); await new Promise((soon) => setTimeout(soon, own ? 250 : 0)); if (film !== mine) return recorder?.stop();
  }
  if (gif) { gif.finish(); parts.push(gif.bytes()); } else await new Promise((over) => { recorder.onstop = over; recorder.stop(); });
  const files = [new File(parts, 'tokens.' + type.slice(6), { type })], given = matchMedia('(pointer: coarse)').matches && navigator.canShare?.({ files });
  await (given ? navigator.share({ files, url: address(true) }) : Promise.reject()).catch((why) => why?.name === 'AbortError' || save(files[0], files[0].name));   // called off: no file either
  say('The clip is ready.', false, 5000);
});

// ---- play: one sweep over the rail, as even in octaves as the rail itself
const SWEEP = 7000, button = $('.play');
let from = 0, swept = !!location.hash || matchMedia('(prefers-reduced-motion: reduce)').matches;
const since = (time) => { from = time; button.classList.toggle('on', from > 0); button.setAttribute('aria-label', from ? 'Pause' : 'Play: turn the dial from none to all'); };
function step(now) {
  if (!from) return;
  const part = Math.min(1, Math.max(0, now - from) / SWEEP);
  set(Math.round(2 ** (part * octave(film.top)) - 1), 'drag');
  if (part < 1) requestAnimationFrame(step); else stop();
}
function play() { if (film) { swept = true; since(performance.now() - (k < film.top ? SWEEP * place(k) : 0)); requestAnimationFrame(step); } }
function stop() { if (from) { since(0); speak(); settled(); } }
button.addEventListener('click', () => (from ? stop() : play()));
for (const t of ['pointerdown', 'keydown', 'wheel']) addEventListener(t, (e) => { swept = true; if (!button.contains(e.target)) stop(); }, { capture: true, passive: true });
function greet() { if (!swept && film.example && film.mean.have.length >= 17) { set(0, 'drag'); play(); } }   // the first example moves by itself, once

// ---- Name it: a link that hides the photo and starts at one token; whoever sent it needed k of them
let guess = link.has('name') ? { sender: +link.get('k') | 0, most: 1, film: '', known: false } : null;
const hidden = () => !!guess && !guess.known, num = (n) => n + (n === 1 ? ' token' : ' tokens');
k = guess ? 1 : link.has('k') ? +link.get('k') | 0 : k;
function begun(start) {               // a new film: is it still the one to be named?
  if (guess) guess.film ||= start.token;
  if (guess && (guess.film !== start.token || (start.example && link.has('t')))) guess = null;
  if (start.original && !start.example && k < 2) k = 32;     // nobody's own photo begins with nothing to see
  $('.name').hidden = !guess; at.dial.classList.toggle('guess', hidden());
}
function judge() {
  if (guess.known) return;
  guess.most = Math.max(guess.most, k);
  put(at.said, 'Name it! A photo hides in ' + num(film.top) + '. Add tokens until you know what it is.\nSo far: ' + num(guess.most) + ', ' + guess.most * film.bytes_per_token + ' bytes.' + (sees(last) && ' A classifier sees: ' + sees(last) + '.'));
}
function known() {
  guess.known = true; at.dial.classList.remove('guess'); at.dial.classList.add('known');
  let rounds = [];
  try { rounds = JSON.parse(localStorage.getItem('tokendial-rounds') || '[]'); localStorage.setItem('tokendial-rounds', JSON.stringify(rounds = [...rounds, guess.most].slice(-99))); } catch { /* a browser that keeps nothing */ }
  put(at.said, 'You: ' + num(guess.most) + ', ' + guess.most * film.bytes_per_token + ' bytes; sender: ' + guess.sender + '.\n' + (guess.most < guess.sender ? 'You win.' : guess.most > guess.sender ? 'The sender wins.' : 'A draw.')
    + (rounds.length > 1 ? ' Your ' + rounds.length + ' rounds on this device: ' + (rounds.reduce((a, b) => a + b) / rounds.length).toFixed(1) + ' tokens on average.' : ''));
  set(film.top); settled(); $('.challenge').focus();
}
$('.more').addEventListener('click', () => { set(k + 1); settled(); }); $('.know').addEventListener('click', known);
$('.challenge').addEventListener('click', () => { const count = guess ? guess.most : k; share('Name it! I needed ' + num(count) + '. And you?', { k: count, name: 1 }); });

// ---- links into the page, as those of its own text: a length, and one of the views on, add and less
function visit(q) {
  if (q.has('k')) dial.set(+q.get('k'));
  for (const view of ['on', 'add', 'less']) if (at[view].checked !== (q.get('show') === view)) at[view].click();
}
document.addEventListener('click', (e) => {   // captured: Gradio's own handler of such links scrolls to the top
  const one = e.target.closest?.('#examples .thumbnail-item'), to = e.target.closest?.('a[href^="#k="]');
  if (one) bring({ from: 'example', photo: one.value || [...document.querySelectorAll('#examples .thumbnail-item')].indexOf(one) });
  if (!to) return;
  e.preventDefault(); e.stopPropagation(); visit(new URLSearchParams(to.hash.slice(1)));
  if (at.stage.getBoundingClientRect().bottom < 99) at.stage.scrollIntoView({ behavior: 'smooth' });
}, true);

async function wake() {
  const tokens = link.get('t'), wrong = tokens && await bring({ from: 'link', tokens });
  if (!tokens || wrong) await bring({ from: 'example', photo: new URLSearchParams(location.search).get('photo') || '' });
  if (wrong) say(wrong, true);
}
scale(); if (!guess) visit(link); wake();
