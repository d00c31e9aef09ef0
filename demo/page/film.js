// The film in the browser: messages in, ImageBitmaps kept, and which of them stands for a length.
// gr.HTML runs this once, followed by views.js, rail.js and share.js, with element, props, server, trigger, watch.
const $ = (selector) => element.querySelector(selector);
const LADDER = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256];
let chain = Promise.resolve(), run = 0;              // the newest thing that the visitor asked for; messages of other runs are dropped
let film = null;          // what begin() makes
const link = new URLSearchParams(location.hash.slice(1));   // what the address said when the page was opened
let mode = link.get('mode') === 'mean' ? 'mean' : 'sample', k = 32, dirty = false, last = null, curve = null, beside = null, news = 0;   // news: until then the status line keeps its words

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const octave = (length) => Math.log2(length + 1);
const reel = () => ({ at: [], have: [] });

function begin(start) {
  for (const r of film ? [film.mean, film.sample] : []) for (const c of r.have) r.at[c].bitmap.close();
  film = { ...start, mean: reel(), sample: reel(), top: start.lengths.at(-1), take: null, attention: null, mass: [], linear: null, done: false };
  last = curve = beside = null;
  lay(start);
}

// Which frame stands for k, and what to call it.
const nearest = (r) => r.have.reduce((best, c) => (best < 0 || Math.abs(octave(c) - octave(k)) < Math.abs(octave(best) - octave(k)) ? c : best), -1);
function choose() {
  const { mean, sample } = film, wanted = mode === 'sample' && film.generative;
  if (wanted) {
    if (sample.at[k]) return [sample.at[k], 'sample'];
    const near = nearest(sample);
    if (near >= 0 && Math.abs(octave(near) - octave(k)) <= 0.5) return [sample.at[near], 'showing ' + near];
  }
  const c = mean.at[k] ? k : nearest(mean), coming = wanted ? ', sample coming' : '';
  if (c < 0) { const s = nearest(sample); return s < 0 ? null : [sample.at[s], 'showing ' + s]; }
  return [mean.at[c], c === k ? 'mean' + coming : 'showing ' + c + coming];
}

// ---- messages
async function add(frames, wanted) {
  const mine = film, take = film.take;
  const got = await Promise.all(frames.map(async ([m, c, webp, levels, psnr, ssim]) => ({
    m, c, scores: [psnr, ssim], curve: path(bytes(levels)), psnr: ssim === null ? '–' : psnr === null ? '∞' : psnr.toFixed(1), ssim: ssim === null ? '–' : ssim.toFixed(2),
    bitmap: await createImageBitmap(new Blob([bytes(webp)], { type: 'image/webp' })) })));
  for (const f of got) {
    const r = mine[f.m];
    if (wanted !== run || mine !== film || r.at[f.c] || (f.m === 'sample' && take !== film.take)) { f.bitmap.close(); continue; }
    r.at[f.c] = f; r.have.push(f.c);
  }
  ready(); ask();
}
const load = async (m, counts) => {
  const got = await server.frames({ token: film.token, mode: m, ...film.take, counts });   // gr.HTML passes one argument
  if (got.error) say(got.error, true); else if (got.length) await add(got, run);
  return got.length > 0;
};
const whole = (token) => server.frames({ token, mode: 'start', steps: 2, seed: 0, counts: [] });   // all that is no frame
async function repair(all) {       // whatever did not arrive
  const mine = run;
  for (const m of all && film.generative ? ['sample', 'mean'] : ['mean']) {
    const missing = film.lengths.filter((c) => !film[m].at[c]);
    for (let i = 0; i < missing.length && mine === run; i += 32) await load(m, missing.slice(i, i + 32));
  }
}
function retake(take) {            // another seed or number of steps: the means stay
  if (film.take && (film.take.seed !== take.seed || film.take.steps !== take.steps)) {
    for (const c of film.sample.have) film.sample.at[c].bitmap.close();
    film.sample = reel(); last = null;
  }
  film.take = take; film.done = false;
}
async function receive(v) {
  if (v && v.run === run && v.token && !v.start && v.token !== (film && film.token)) v = { ...await whole(v.token), ...v };
  if (!v || v.run !== run) return;
  if (v.start) begin(v.start);
  if (v.note || v.error) say(v.note || v.error, !!v.error);
  if (!film || v.token !== film.token) return;
  if (film.run !== run) { film.run = run; retake(v.take); ask(); rest(); }
  if (v.attention) { film.attention = bytes(v.attention); film.mass = v.mass; bars(); ask(); }
  if (v.linear) { film.linear = v.linear; last = null; ask(); }
  if (v.tokens) { film.tokens = v.tokens; rest(); }
  if (v.frames) await add(v.frames, v.run);
  if (!v.done || v.run !== run) return;
  await repair(v.all);
  if (!film.tokens || !film.attention || !film.linear) await receive({ ...v, ...await whole(v.token), start: null, done: false });
  if (v.run === run) { film.done = true; ready(); }
}
watch('value', () => { const v = props.value; chain = chain.then(() => receive(v)).catch((e) => say('A picture could not be read: ' + e.message, true)); });

// ---- where the dial rests, the exact sample is asked for (on a GPU the film brings it anyway)
let asking = false, retry = 0;
async function rest() {
  clearTimeout(retry);
  if (asking || !film || mode !== 'sample' || !film.generative || film.sample.at[k]) return;
  const want = k, token = film.token;
  asking = true;
  let got = false;
  try { got = await load('sample', [want]); } catch { /* the server is away: try later */ }
  asking = false;
  if (want !== k || token !== film.token) rest(); else if (!got && !film.done) retry = setTimeout(rest, 1000);
}
