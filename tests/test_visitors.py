"""Many visitors at once, each a thread that calls the real handlers as a page does: nobody sees a stranger's
picture, nobody's film goes while it is watched, nothing is made twice, and memory stays bounded.

The model paints what it was asked for: which photo, length, steps and seed, as 64 black and white fields. So
every frame that a visitor gets can be read, and must say what that visitor asked.
"""

import base64
import gc
import io
import logging
import random
import sys
import threading
import time
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import tokenizer_core as tc
from demo import examples, faults, film, handlers, links, store
from demo.film import MEAN, Film, Frame, Take
from demo.inspections import look
from demo.store import FULL, GONE, Store
from demo.studio import Studio
from demo.turn import PATIENCE, Turn
from tests.stand_in import StandIn, models

pytestmark = pytest.mark.usefixtures("one_thread")
MODEL = "prefix-flow-256"
TOP = 24  # tokens
SIZES = (20, 5, 6, 31)  # bits of: photo, length, steps, seed
VISITORS = 50
BUSY = ("loading", "moment")  # notes, after which a page asks again


def name_of(picture: tc.Picture) -> int:
    """A number for a photo's crop."""
    return zlib.crc32(picture.array.tobytes()) % 2 ** SIZES[0]


def bits_of(number: int, size: int) -> list[int]:
    return [number >> place & 1 for place in range(size)]


def number_of(bits) -> int:
    return sum(int(bit) << place for place, bit in enumerate(bits))


class Painter(StandIn):
    """Tokens hold the photo's number; a picture says from what it was made."""

    def __init__(self, about, device="cpu", seconds=0.0):
        super().__init__(about, device, seconds)
        self.painted = Counter()

    def encode(self, photo, center=(0.5, 0.5), zoom=1.0):
        self.encoded += 1
        time.sleep(self.seconds)
        return code(name_of(photo), self.info)

    def pictures(self, encoding, asked):
        photo = number_of(encoding.tokens.ravel()[: SIZES[0]] > 0)
        for k in asked.lengths:
            self.painted[photo, k, asked.steps, asked.seed] += 1
            time.sleep(self.seconds)
            values = zip((photo, k, asked.steps, asked.seed), SIZES, strict=True)
            fields = [bit for value, size in values for bit in bits_of(value, size)]
            cells = np.array([*fields, 0, 0], np.uint8).reshape(8, 8) * 200 + 28
            yield k, tc.Picture(np.kron(cells, np.ones((32, 32), np.uint8))[..., None].repeat(3, -1))


def code(photo: int, info: tc.ModelInfo) -> tc.Encoding:
    """The encoding of a photo with this number."""
    tokens = np.full(TOP * 16, -1, np.float32)
    tokens[: SIZES[0]] = np.where(bits_of(photo, SIZES[0]), 1.0, -1.0)
    return tc.Encoding(tokens.reshape(TOP, 16), np.arange(TOP), info.checkpoint_id, info.name)


def read(webp: str) -> tuple[int, ...]:
    """Photo, length, steps and seed of a frame."""
    array = np.asarray(Image.open(io.BytesIO(base64.b64decode(webp))).convert("L"), float)
    fields = array.reshape(8, 32, 8, 32)[:, 8:24, :, 8:24].mean((1, 3)).ravel() > 128
    ends = np.cumsum(SIZES)
    return tuple(number_of(fields[end - size : end]) for end, size in zip(ends, SIZES, strict=True))


class QuickScorer:
    """Says whose original it scored against; the real one is tested elsewhere, and slow for thousands."""

    def __init__(self, original):
        self.name, self.spectrum = name_of(original), tc.power_spectrum(original)

    def __call__(self, picture):
        return tc.Score(float(self.name), 0.5, flat(picture), tc.SpectrumError(0.0, 0.0, 0.0))

    @staticmethod
    def of_several(asked, device):
        return [list(map(scorer, pictures)) for scorer, pictures in asked]


def flat(picture) -> tc.Spectrum:
    return tc.Spectrum(np.arange(1.0, 128), np.ones(127, np.float32))


def rivals(studio, original, info) -> dict:
    """Whose original it was that other codes would have got; it takes a while, as the real one does."""
    time.sleep(0.05)
    return {"linear": [name_of(original)], "webp": []}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(tc, "Scorer", QuickScorer)
    monkeypatch.setattr(tc, "scores_of", QuickScorer.of_several)
    monkeypatch.setattr(tc, "power_spectrum", flat)
    monkeypatch.setattr(
        Studio, "rivals", lambda studio, original, info: {"linear": [name_of(original)], "webp": []}
    )


@pytest.fixture
def studio():
    return studio_with(seconds=0.001)


def studio_with(seconds=0.0):
    infos = models(TOP)
    made = {infos[0].name: Painter(infos[0], seconds=seconds), infos[1].name: StandIn(infos[1])}
    studio = Studio(lambda name, device: made[name], infos)
    studio.warm_up()
    studio.painter = made[MODEL]
    assert studio.ready(MODEL, 9)
    return studio


def start(studio, source, **ask):
    return handlers.start(studio, {"from": source, "model": MODEL} | ask)


def ask_for(head, **change):
    """The question of a page that has nothing of this film."""
    nothing = {"means": [], "samples": [], "told": []}
    return {"token": head["start"]["token"], "k": 9, "rest": False, "steps": 3, "seed": 0} | nothing | change


def photo_file(path, number):
    colours = np.random.default_rng(number).integers(0, 255, (8, 10, 3), np.uint8)
    Image.fromarray(colours).resize((80, 64)).save(path)
    return path


class Visitor:
    """Opens films, watches as much of them as it likes, and leaves, with or without a word."""

    def __init__(self, number, studio, photo, codes):
        self.random, self.studio = random.Random(number), studio
        self.number, self.photo, self.codes = number, photo, codes
        self.frames, self.opened, self.forgotten, self.largest, self.wrong = 0, 0, 0, 0, []

    def come(self):
        for _ in range(self.random.randint(2, 3)):
            try:
                self.visit()
            except AssertionError as error:
                self.wrong.append(str(error))

    def visit(self):
        source = self.random.choice(["example", "example", "example", "upload", "link"])
        if source == "example":
            about = examples.EXAMPLES[min(self.random.randrange(6) for _ in range(2))]  # some draw a crowd
            ask, photo = {"photo": about.name}, about.photo
        elif source == "upload":
            ask, photo = {"path": str(self.photo)}, self.photo
        else:
            name, text = self.random.choice(self.codes)
            ask, photo = {"tokens": text}, None
        crop = (self.random.random(), 0.5, 1.5)
        if photo:
            whole = tc.open_photo(photo)
            name = name_of(tc.square_crop(whole))
            name_of_crop = name_of(tc.square_crop(whole, center=crop[:2], zoom=crop[2]))
        head = self.begin(source, **ask)
        self.watch(head, name)
        if photo and self.random.random() < 0.3:
            head = self.begin("again", token=head["start"]["token"], crop=crop)
            self.watch(head, name_of_crop)
        if self.random.random() < 0.4:
            gone = handlers.forget(self.studio, {"token": head["start"]["token"]}).get("forgotten", [])
            assert head["start"]["token"] in gone, "it was there"
            self.forgotten += len(gone)
            assert handlers.pull(self.studio, ask_for(head))["error"] == GONE

    def begin(self, source, **ask):
        end = time.monotonic() + 60
        while True:
            head = start(self.studio, source, **ask)
            if head != {"error": FULL} or time.monotonic() > end:
                assert "error" not in head, head
                self.opened += 1
                return head
            time.sleep(0.05)

    def watch(self, head, name):
        """Pull a few times, with the dial, the seed and the steps where this visitor wants them."""
        seed, steps = self.random.choice([(0, 3), (self.number, 3), (self.number, 4)])
        have, told = {"mean": [], "sample": []}, []
        for _ in range(self.random.randint(1, 9)):
            if self.random.random() < 0.2:
                seed, have["sample"] = seed + 1000, []
            ask = ask_for(head, k=self.random.randint(0, TOP), rest=self.random.random() < 0.5)
            ask |= {"steps": steps, "seed": seed, "told": told}
            got = self.pull(ask | {"means": have["mean"], "samples": have["sample"]})
            told += got["told"]
            for mode, k, webp, _, psnr, *_ in got["frames"]:
                wanted = (name, k, 1, 0) if mode == "mean" else (name, k, steps, seed)
                assert read(webp) == wanted, f"a stranger's frame: {read(webp)}, not {wanted}"
                assert psnr == (float(name) if head["start"]["original"] else None), "scored against another"
                assert k not in have[mode], "a frame goes once"
                have[mode].append(k)
                self.frames += 1
            assert got["told"].get("linear", [name]) == [name]

    def pull(self, ask):
        while True:
            got = handlers.pull(self.studio, ask)
            self.largest = max(self.largest, getattr(self.studio.films, "size", 0))
            if "note" not in got:
                assert "error" not in got, got
                return got
            assert any(word in got["note"] for word in BUSY)
            time.sleep(0.02)


def all_at_once(jobs):
    """Run each in a thread of its own; what they return."""
    ready = threading.Barrier(len(jobs))

    def run(job):
        ready.wait(20)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def films_alive() -> list[Film]:
    gc.collect()
    return [thing for thing in gc.get_objects() if type(thing) is Film]


def test_fifty_visitors_get_what_they_ask_for_and_memory_stays_flat(tmp_path, monkeypatch):
    monkeypatch.setattr(film, "WATCHED", 2.0)
    monkeypatch.setattr(store, "WATCHED", 2.0)
    before = {id(one) for one in films_alive()}
    studio, coin = studio_with(seconds=0.0005), random.Random(0)
    monkeypatch.setattr(studio, "on_gpu", lambda name: coin.random() < 0.3)  # small parts and large ones
    studio.films = Store(limit := 64 << 20)
    info = studio.infos[MODEL]
    codes = [(n, links.text(code(n, info).to_bytes())) for n in (11, 22, 33)]
    photos = [photo_file(tmp_path / f"{n}.png", n) for n in range(VISITORS)]
    visitors = [Visitor(n, studio, photo, codes) for n, photo in enumerate(photos)]
    all_at_once([visitor.come for visitor in visitors])
    assert [visitor.wrong for visitor in visitors if visitor.wrong] == []
    assert sum(visitor.frames for visitor in visitors) > 20 * VISITORS
    assert studio.turn.here == 0
    assert max(visitor.largest for visitor in visitors) <= limit * 1.05
    assert {id(one) for one in films_alive()} - before <= {id(one) for one in studio.films.values()}
    assert studio.films.size == weighed(studio.films)
    opened, forgotten = (sum(getattr(v, what) for v in visitors) for what in ("opened", "forgotten"))
    assert opened - forgotten - len(studio.films) > 5, "films made room for others"


def weighed(films: Store) -> int:
    """The bytes of a store, counted anew."""
    each = set(films.values())
    photos = {id(one.photo): store.photo_bytes(one) for one in each}
    return sum(one.size for one in each) + sum(photos.values())


def watched_whole(studio, head, **change):
    """All frames that a page gets of a film, by mode and length."""
    frames, told = {}, []
    while True:
        have = {name: [k for mode, k in frames if mode + "s" == name] for name in ("means", "samples")}
        got = handlers.pull(studio, ask_for(head, **change, **have, told=told))
        if "note" in got:
            time.sleep(0.01)
            continue
        assert "error" not in got, got
        if not got["frames"]:
            return frames
        told += got["told"]
        frames |= {(mode, k): webp for mode, k, webp, *_ in got["frames"]}


@pytest.mark.parametrize("gpu", [False, True])
def test_a_dozen_seeds_of_one_example_lose_nothing_and_nothing_is_made_twice(studio, monkeypatch, gpu):
    monkeypatch.setattr(studio, "on_gpu", lambda name: gpu)

    def visit(seed):
        return watched_whole(studio, start(studio, "example", photo="coffee"), seed=seed)

    seeds = [*range(12), 0, 1]
    for seed, frames in zip(
        seeds, all_at_once([lambda seed=seed: visit(seed) for seed in seeds]), strict=True
    ):
        for (mode, k), webp in frames.items():
            assert read(webp)[1:] == ((k, 1, 0) if mode == "mean" else (k, 3, seed))
        assert len(frames) > TOP
    assert studio.painter.encoded == 1
    assert set(studio.painter.painted.values()) == {1}


def test_an_answer_keeps_its_reel_however_many_other_seeds_are_asked_for_meanwhile(studio, monkeypatch):
    head, begun, go = start(studio, "example", photo="coffee"), threading.Event(), threading.Event()

    def rivals(studio, original, info):
        begun.set()
        assert go.wait(20)
        return {"linear": [1], "webp": []}

    monkeypatch.setattr(film, "WATCHED", 0.0)
    monkeypatch.setattr(Studio, "rivals", rivals)
    with ThreadPoolExecutor(1) as pool:
        all_means = ask_for(head, seed=99, means=list(range(TOP + 1)))
        waits = pool.submit(handlers.pull, studio, all_means)
        assert begun.wait(20), "a sample is made, and other codes take their time"
        for seed in range(9):
            assert handlers.pull(studio, ask_for(head, seed=seed, k=seed))["frames"]
        go.set()
        ((mode, k, webp, *_),) = waits.result(20)["frames"]
    assert (mode, read(webp)[1:]) == ("sample", (k, 3, 99))


def test_what_failed_for_one_visitor_is_made_by_the_next(studio, monkeypatch):
    head, make, tries = start(studio, "example", photo="coffee"), Film.frame, []

    def frame(one, array, measured):
        tries.append(array)
        if len(tries) == 1:
            while studio.turn.here < 2:  # the other waits for it
                time.sleep(0.001)
            raise MemoryError
        return make(one, array, measured)

    monkeypatch.setattr(Film, "frame", frame)
    got = all_at_once([lambda: handlers.pull(studio, ask_for(head))] * 2)
    assert {"error": faults.SENTENCES["memory"], "fault": "memory"} in got
    (other,) = [each for each in got if "error" not in each]
    assert [row[:2] for row in other["frames"]] == [["mean", 9]]


def test_scores_and_compression_do_not_hold_the_turn(studio, tmp_path, monkeypatch):
    slow = start(studio, "upload", path=str(photo_file(tmp_path / "a.png", 1)))
    quick = start(studio, "upload", path=str(photo_file(tmp_path / "b.png", 2)))
    make, begun, go = Film.frame, threading.Event(), threading.Event()

    def frame(one, array, measured):
        if one.token == slow["start"]["token"]:
            begun.set()
            assert go.wait(20)
        return make(one, array, measured)

    monkeypatch.setattr(Film, "frame", frame)
    with ThreadPoolExecutor(2) as pool:
        waits = pool.submit(handlers.pull, studio, ask_for(slow))
        assert begun.wait(20)
        try:
            assert pool.submit(handlers.pull, studio, ask_for(quick)).result(5)["frames"]
            assert not waits.done()
        finally:
            go.set()
        assert waits.result(20)["frames"]


def test_two_visitors_compare_a_film_with_other_codes_once(studio, monkeypatch):
    head, asked = start(studio, "example", photo="coffee"), []

    def rivals(studio, original, info):
        asked.append(original)
        time.sleep(0.05)
        return {"linear": [1], "webp": []}

    monkeypatch.setattr(Studio, "rivals", rivals)
    both = all_at_once([lambda: watched_whole(studio, head)] * 2)
    assert both[0] == both[1]
    assert len(asked) == 1


@pytest.mark.parametrize("source", ["example", "link"])
def test_who_forgets_a_shared_film_takes_it_from_nobody_else(studio, source):
    text = links.text(code(5, studio.infos[MODEL]).to_bytes())
    one, two = (start(studio, source, photo="coffee", tokens=text) for _ in range(2))
    token = {"token": one["start"]["token"]}
    assert studio.films[token["token"]] is studio.films[two["start"]["token"]], "decoded once for both"
    assert handlers.forget(studio, token) == {"forgotten": [token["token"]]}
    gone = {"error": GONE, "gone": token["token"]}
    assert handlers.forget(studio, token) == gone, "and not once more, for the other one"
    assert handlers.pull(studio, ask_for(one)) == gone
    assert handlers.pull(studio, ask_for(two))["frames"]
    assert handlers.forget(studio, {"token": two["start"]["token"]})["forgotten"]
    assert len(studio.films) == studio.films.size == 0


def test_who_forgets_a_crop_of_an_example_leaves_the_others_theirs(studio):
    heads = [start(studio, "example", photo="coffee") for _ in range(2)]
    again = [{"token": head["start"]["token"], "crop": [0.2, 0.5, 2]} for head in heads]
    crops = [start(studio, "again", **ask) for ask in again]
    other = start(studio, "again", token=crops[0]["start"]["token"], crop=[0.5, 0.5, 3])
    gone = handlers.forget(studio, {"token": other["start"]["token"]})["forgotten"]
    assert gone == [crops[0]["start"]["token"], other["start"]["token"]]
    for left in (*heads, crops[1]):
        assert handlers.pull(studio, ask_for(left))["frames"]


def test_a_crop_that_is_being_opened_while_its_photo_is_forgotten_is_not_kept(studio, tmp_path):
    head = start(studio, "upload", path=str(photo_file(tmp_path / "a.png", 1)))
    photo = studio.films[head["start"]["token"]]
    crop = Film(photo.photo, photo.info, (0.1, 0.5, 2.0), family=photo.family)
    assert handlers.forget(studio, {"token": photo.token})["forgotten"] == [photo.token]
    with pytest.raises(tc.TokenizerError, match="no longer holds"):
        studio.films.add(crop)
    assert len(studio.films) == 0


def a_film(number=0, side=64):
    picture = np.full((side, side, 3), number, np.uint8)
    return Film(Image.fromarray(picture), models(TOP)[0])


def test_a_store_lets_the_film_go_that_was_asked_for_least_lately(monkeypatch):
    monkeypatch.setattr(store, "WATCHED", 0.0)
    room = 3 * (film.ORIGINAL_BYTES + 4 * 64 * 64 + 1000)
    films = Store(room)
    first, second, third, fourth = tokens_of(films, 4)
    assert list(films) == [second, third, fourth]
    assert first not in films
    with films.watch(second):
        (fifth,) = tokens_of(films, 1)
    assert list(films) == [fourth, second, fifth]
    assert films.size == weighed(films) <= room


def tokens_of(films, count):
    return [films.add(a_film(n))[0] for n in range(count)]


def test_a_film_that_is_watched_stays_and_who_finds_no_room_gets_a_sentence(monkeypatch):
    films = Store(3 * film.ORIGINAL_BYTES - 1)
    first, second = tokens_of(films, 2)
    with pytest.raises(tc.TokenizerError, match="try again in a minute"):
        films.add(a_film(3))
    assert list(films) == [first, second], "both were opened just now"
    monkeypatch.setattr(store, "WATCHED", 0.0)
    with films.watch(first):
        (third,) = tokens_of(films, 1)
        assert list(films) == [first, third], "a question is being answered"
    assert films.size == weighed(films)


def test_a_photo_of_several_crops_counts_once():
    films, photo = Store(), Image.fromarray(np.zeros((500, 400, 3), np.uint8))
    first = Film(photo, models(TOP)[0])
    films.add(first)
    alone = films.size
    films.add(Film(photo, models(TOP)[0], (0.1, 0.5, 2.0), family=first.family))
    assert films.size - alone == film.ORIGINAL_BYTES + film.weight({})
    assert len(films.forget(first.token)) == 2
    assert films.size == 0


def test_who_only_looks_at_a_shared_film_keeps_it_while_others_watch_it(monkeypatch):
    monkeypatch.setattr(store, "WATCHED", 0.0)
    films, shared = Store(2 * film.ORIGINAL_BYTES), a_film()
    shared.key = "an example"
    (idle, _), (asks, _) = films.add(shared), films.add(shared)
    with films.watch(asks):
        with pytest.raises(tc.TokenizerError, match="try again in a minute"):
            films.add(a_film(1))
        assert films[idle] is films[asks] is shared
    tokens_of(films, 1)
    assert idle not in films


def test_a_film_that_is_opened_again_and_again_has_a_bounded_number_of_tokens(monkeypatch):
    monkeypatch.setattr(store, "MOST_TOKENS", 3)
    films, shared = Store(), a_film()
    shared.key = "a link"
    first, second, *others = [films.add(shared)[0] for _ in range(3)]
    with films.watch(first):
        others += [films.add(shared)[0]]
    assert set(films) == {first, *others}
    assert second not in films


def frame_of(k, letters=2000):
    return Frame(f"{k:x}" * letters, f"{k:x}" * 172, k / 3, k / 7, [k / 11, k / 13, k / 17])


def test_a_film_s_size_is_about_what_it_takes():
    one = a_film()
    empty = one.size
    one.tell(
        {"attention": ["m" * 8000, [n / 7 for n in range(TOP)]], "webp": [[n, n / 3] for n in range(17)]}
    )
    for k in range(TOP + 1):
        one.keep(MEAN, k, frame_of(k))
    taken = deep_size([one.told, dict(one.reel(MEAN))], set())
    assert taken <= one.size - empty <= 1.2 * taken


def deep_size(thing, seen) -> int:
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    inside = [*thing.keys(), *thing.values()] if isinstance(thing, dict) else thing
    parts = inside if isinstance(thing, dict | list | tuple) else ()
    return sys.getsizeof(thing) + sum(deep_size(part, seen) for part in parts)


def test_a_reel_stays_while_somebody_reads_it_and_spare_ones_are_few(monkeypatch):
    monkeypatch.setattr(film, "WATCHED", 0.0)
    one, mine = a_film(), Take("sample", 3, 999)
    with one.reading(mine) as reel:
        one.keep(mine, 4, frame_of(4))
        for seed in range(30):
            one.keep(Take("sample", 3, seed), 4, frame_of(4))
        one.shed()
        assert one.reel(mine) is reel
        assert set(one.reels) == {mine}
        assert list(reel) == [4]
    for seed in range(30):
        one.keep(Take("sample", 3, seed), 4, frame_of(4))
    assert [take.seed for take in one.reels] == list(range(30 - film.SPARE_REELS, 30)), "the newest"
    one.keep(MEAN, 4, frame_of(4))
    one.shed()
    assert list(one.reels) == [MEAN]


def test_when_memory_is_short_reels_go_that_are_only_waited_for():
    one = a_film()
    films = Store(2 * film.ORIGINAL_BYTES)
    token, _ = films.add(one)
    with films.watch(token):
        for seed in range(30):
            one.keep(Take("sample", 3, seed), 4, frame_of(4, 100_000))
    assert token in films
    assert one.reels == {}
    assert films.size == weighed(films) <= films.limit


def order_of(turn, names):
    """In which order visitors who came in this order, behind one who has it, get the turn."""
    order, threads, go = [], [], threading.Event()

    def visit(name):
        with turn.take(urgent=name.startswith("urgent")):
            order.append(name)
            go.wait(9)

    for name in ("holder", *names):
        threads.append(threading.Thread(target=visit, args=(name,)))
        threads[-1].start()
        while turn.here < len(threads) or (name == "holder" and not order):
            time.sleep(0.001)
        time.sleep(0.01)
    go.set()
    for thread in threads:
        thread.join(9)
    assert turn.here == 0
    return order[1:]


def test_the_turn_goes_in_the_order_of_coming_urgent_ones_first():
    names = ["film 1", "urgent 1", "film 2", "urgent 2", "film 3"]
    assert order_of(Turn(), names) == ["urgent 1", "urgent 2", "film 1", "film 2", "film 3"]


def test_urgent_visitors_do_not_keep_the_others_out():
    urgent = [f"urgent {n}" for n in range(PATIENCE + 3)]
    order = order_of(Turn(), [*urgent, "film 1", "film 2"])
    assert order == [*urgent[:PATIENCE], "film 1", *urgent[PATIENCE:], "film 2"]


def test_urgent_is_a_new_photo_and_where_the_dial_is_and_nothing_else(studio, tmp_path, monkeypatch):
    take, asked = studio.turn.take, []
    monkeypatch.setattr(studio.waits, "_measure", lambda *model: 0.0)  # has turns of its own
    monkeypatch.setattr(studio.turn, "take", lambda urgent=False: asked.append(urgent) or take(urgent))
    head = start(studio, "upload", path=str(photo_file(tmp_path / "a.png", 1)))
    have = {"means": [], "samples": []}
    for wanted in ([("mean", 9)], [("sample", 9)], [("mean", k) for k in range(4)]):
        rows = handlers.pull(studio, ask_for(head, k=9, rest=True, **have))["frames"]
        assert [(mode, k) for mode, k, *_ in rows] == wanted
        for mode, k in wanted:
            have[f"{mode}s"].append(k)
    all_means = ask_for(head, k=9, means=list(range(TOP + 1)), samples=[9])
    assert [row[:2] for row in handlers.pull(studio, all_means)["frames"]] == [["sample", 0]]
    assert asked == [True, True, False, False, False], "the last one's are where tokens looked"


@pytest.fixture
def looks(monkeypatch):
    """What was asked of where tokens looked: the code of each time."""
    made, attention = [], Painter.attention

    def counted(painter, encoding, *what):
        made.append(encoding)
        return attention(painter, encoding, *what)

    monkeypatch.setattr(Painter, "attention", counted)
    return made


def test_where_tokens_looked_comes_after_the_ladder_and_is_found_once_for_all(studio, tmp_path, looks):
    head = start(studio, "upload", path=str(photo_file(tmp_path / "a.png", 1)))
    assert handlers.pull(studio, ask_for(head))["frames"]
    assert looks == [], "no first picture waits for it"
    whole = list(range(TOP + 1))
    got = all_at_once([lambda: handlers.pull(studio, ask_for(head, means=whole, samples=whole))] * 4)
    kept = studio.films[head["start"]["token"]]
    maps = look(studio.painter, tc.Encoding.from_bytes(kept.encoding))
    assert [answer["told"]["attention"] for answer in got] == [maps] * 4
    assert len(looks) == 2, "once for four visitors, and once by this test"
    sent = links.text(kept.encoding)
    watched_whole(studio, start(studio, "link", tokens=sent))
    assert len(looks) == 2, "a link brings no photo"


def test_on_zerogpu_where_tokens_looked_comes_with_the_first_call(tmp_path, monkeypatch, looks):
    monkeypatch.setenv("TOKENDIAL_MERGE", "1")
    monkeypatch.setattr("demo.studio.GPU", lambda duration: lambda make: make)
    studio = studio_with()
    monkeypatch.setattr(studio, "inspect", lambda *_: pytest.fail("a call of its own"))
    head = start(studio, "upload", path=str(photo_file(tmp_path / "a.png", 1)))
    assert handlers.pull(studio, ask_for(head))["frames"]
    assert len(looks) == 1
    watched_whole(studio, head)
    assert len(looks) == 1
    assert "attention" in studio.films[head["start"]["token"]].told


def test_why_a_model_was_not_loaded_is_in_the_log_and_the_visitor_gets_a_sentence(caplog):
    def load(name, device):
        raise OSError(f"/secret/{name} is cut short")

    with caplog.at_level(logging.ERROR, "tokendial"):
        studio = Studio(load, models(TOP))
        studio.warm_up()
        head = start(studio, "example", photo="coffee")
        got = handlers.pull(studio, ask_for(head))
    assert got == {"error": "The model Stand-in could not be loaded. Please try once more."}
    assert "/secret/pca is cut short" in caplog.text
    assert f"/secret/{MODEL} is cut short" in caplog.text


def test_why_the_first_pictures_failed_is_in_the_log(caplog, monkeypatch):
    def encode(*_):
        raise RuntimeError("no kernel for this device")

    studio = studio_with()
    monkeypatch.setattr(studio.painter, "encode", encode)
    studio._device = "cuda:0"
    with caplog.at_level(logging.ERROR, "tokendial"):
        studio.warm_up()
        studio._worker.shutdown(wait=True)
    assert "no kernel for this device" in caplog.text
