// The film in the browser: answers in, ImageBitmaps kept, and which of them stands for a length.
// gr.HTML runs this once, followed by views.js, rail.js and share.js, with element and server.
const $ = (selector) => element.querySelector(selector);
const RUNGS = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256];
let LADDER = RUNGS;       // the model's lengths that come first
let run = 0, model = '';  // the newest thing that the visitor asked for: answers to older ones are dropped; no model: the first
let film = null;          // what begin() makes
const link = new URLSearchParams(location.hash.slice(1));   // what the address said when the page was opened
let take = { steps: 0, seed: +link.get('seed') || 0 };      // of the samples; no steps: the model's own
let mode = link.get('mode') === 'mean' ? 'mean' : 'sample', k = 32, dirty = false, last = null, curve = null, beside = null, earlier = null, before = '', news = 0;   // news: until then the status line keeps its words

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), octave = (length) => Math.log2(length + 1), thousands = new Intl.NumberFormat('en');   // made once: it is slow to make
const reel = () => ({ at: [], have: [], sent: [], seen: null });     // frames by length; the lengths; those and what is being unpacked; what a classifier sees

function begin(start) {
  for (const r of film ? [film.mean, film.sample] : []) for (const c of r.have) r.at[c].bitmap.close();
  before = film ? film.token : '';
  film = { ...start, ...start.info, levels: start.reference && bytes(start.reference), mean: reel(), sample: reel(), top: start.info.lengths.at(-1), told: {}, maps: {}, attention: null, mass: [], done: false };
  LADDER = start.info.ladder ?? RUNGS.filter((c) => start.info.lengths.includes(c));
  last = curve = beside = earlier = null;
  lay(start);
}

// Which frame stands for k, and what to call it.
const nearest = (r) => r.have.reduce((best, c) => (best < 0 || Math.abs(octave(c) - octave(k)) < Math.abs(octave(best) - octave(k)) ? c : best), -1);
function choose() {
  const [mean, sample] = [film.mean, film.sample].map((r) => r.at[k] ?? r.at[nearest(r)]), wanted = mode === 'sample' && film.generative;
  const near = sample && wanted && Math.abs(octave(sample.c) - octave(k)) <= 0.5, frame = near || !mean ? sample : mean;
  return frame && [frame, (frame.c === k ? frame.m : 'showing ' + frame.c) + (wanted && frame === mean ? ', sample coming' : '')];
}

// ---- frames: the page asks for what it lacks until nothing is lacking
async function add(reels, frames) {
  const got = await Promise.all(frames.map(async ([m, c, webp, levels, psnr, ssim, bands]) => ({
    m, c, scores: [psnr, ssim, bands && bands[2]], off: bands ? bands.map((v) => v.toFixed(2)).join(' · ') : '–',
    levels: bytes(levels), curve: path(bytes(levels)), psnr: ssim === null ? '–' : psnr === null ? '∞' : psnr.toFixed(1), ssim: ssim === null ? '–' : ssim.toFixed(2),
    bitmap: await createImageBitmap(new Blob([bytes(webp)], { type: 'image/webp' })) })));
  for (const f of got) {
    const r = reels[f.m];
    if (r !== film[f.m] || r.at[f.c]) f.bitmap.close(); else { r.at[f.c] = f; r.have.push(f.c); }     // of an older film or take: closed
  }
  ready();
}
function accept(got, reels) {        // an answer: what is no frame at once, the frames when they are unpacked
  Object.assign(film.told, got.told);
  if (got.told.linear) last = null;
  if (got.told.guess) for (const m of ['mean', 'sample']) reels[m].seen = { guess: got.told.guess[m], agreement: got.told.agreement[m], photo: got.told.guess.photo };
  if (got.told.attention) layers(got.told);
  for (const [m, c] of got.frames) reels[m].sent.push(c);
  return add(reels, got.frames);
}
const lacking = () => mode === 'sample' && film.generative && !film.sample.at[k] && !at.rail.matches(':active');
const ask = (question) => server.ask(question).catch(() => ({ error: 'The server is away. Once more, please?' }));   // gr.HTML passes one argument
const asked = () => ({ token: film ? film.token : '', steps: take.steps || film?.default_steps || 8, seed: take.seed, k, rest: !film || lacking() });
let pulling = false, later = 0, unpacked = null;
async function pull() {
  clearTimeout(later);
  if (!film || pulling || (film.done && !lacking())) return;
  pulling = true;
  try {
    for (;;) {
      const { mean, sample } = film, lack = { ...asked(), means: mean.sent, samples: sample.sent, told: Object.keys(film.told) }, got = await server.ask(lack);
      if (film.token !== lack.token) continue;
      if (got.error) { say(got.error, true); break; }
      if (got.note) { say(got.note); await new Promise((soon) => setTimeout(soon, 300)); continue; }
      unpacked = Promise.all([unpacked, accept(got, { mean, sample })]);
      if (got.frames.length) continue;                   // the server goes on meanwhile
      await unpacked;
      film.done = sample === film.sample && mean === film.mean;
      if (film.done && (lack.k === k || !lacking())) break;
    }
    ready();
  } catch { later = setTimeout(pull, 1000); }          // the server is away
  pulling = false;
}
function retake(steps, seed) {       // another seed or number of steps: the means stay
  const same = film && seed === take.seed && steps === asked().steps;
  take = { steps: steps || 0, seed: seed || 0 };
  if (!film || same) return;
  for (const c of film.sample.have) film.sample.at[c].bitmap.close();
  film.sample = reel(); film.done = false; last = null;
  pull(); paint();
}
async function bring(question) {     // another film; what is wrong with it, if it does not come
  stop(); say('Reading the photo…');
  if (question.model) model = question.model;
  const mine = run += 1, got = await ask({ ...asked(), rest: mode === 'sample', model, what: 'start', ...question });
  if (mine !== run) return;
  if (!got.start) { say(got.error, true); return got.error; }
  begin(got.start);
  if (got.frames) accept(got, film);
  pull();
}
