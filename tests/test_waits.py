"""A slow model says how long it takes before anybody waits, and then makes one picture a question."""

import numpy as np
import pytest
from PIL import Image

from demo import handlers
from demo.film import MEAN, Film, Take, ladder
from demo.studio import Studio
from demo.waits import WORTH_A_WORD, Waits, soon_of
from tests.stand_in import StandIn, info, models

TOP = 24
SAMPLE = Take("sample", 8, 0)


class Slow(StandIn):
    """One that says it is slow; a picture takes a second a step."""

    asked = 0

    def waiting_time(self, pictures=1, *, steps=None, guidance_scale=None):
        """Seconds."""
        self.asked += 1
        return pictures * float(steps or self.info.default_steps)


@pytest.fixture
def studio():
    made, small = {}, models(TOP)

    def load(name, device):
        kind = Slow if name == small[0].name else StandIn
        made[name] = kind(next(one for one in small if one.name == name))
        return made[name]

    studio = Studio(load, small)
    studio.made = made
    return studio


def film_of(about) -> Film:
    return Film(Image.fromarray(np.zeros((256, 256, 3), np.uint8)), about)


@pytest.fixture
def ask(studio, tmp_path):
    """A question about an own photo, as the page pulls."""
    Image.fromarray(np.full((300, 300, 3), 90, np.uint8)).save(tmp_path / "photo.png")
    asked = {"from": "upload", "path": str(tmp_path / "photo.png"), "model": studio.default.name}
    token = handlers.start(studio, asked)["start"]["token"]
    common = {"token": token, "k": 5, "rest": True, "steps": 8, "seed": 0, "told": []}
    return lambda **more: handlers.pull(studio, common | {"means": [], "samples": []} | more)


def test_how_long_it_takes_is_said_before_anything_is_made(studio, ask):
    assert ask() == {"wait": {"mean": 1.0, "sample": 8.0}}
    assert ask() == {"wait": {"mean": 1.0, "sample": 8.0}}
    tokenizer = studio.made[studio.default.name]
    assert tokenizer.asked == 2, "a mean and a sample are timed once"
    assert (tokenizer.encoded, tokenizer.decoded) == (0, 0)
    assert ask(steps=20)["wait"]["sample"] == 20, "other steps take another time"


def test_who_knows_gets_one_picture_a_question_and_no_lengths_between(studio, ask):
    have = {"mean": [], "sample": []}
    while frames := ask(patient=True, means=have["mean"], samples=have["sample"])["frames"]:
        assert len(frames) == 1
        have[frames[0][0]].append(frames[0][1])
    marks = ladder(studio.default.lengths)
    assert have["mean"][0] == have["sample"][0] == 5, "where the dial is comes first"
    assert sorted(have["mean"]) == sorted(have["sample"]) == sorted({5, *marks})
    (more,) = ask(patient=True, k=7, rest=False, means=have["mean"], samples=have["sample"])["frames"]
    assert more[:2] == ["mean", 7], "another length comes where the dial rests"


def test_frames_that_are_there_come_without_a_word(studio, ask):
    assert len(ask(patient=True)["frames"]) == 1
    assert ask()["frames"][0][:2] == ["mean", 5]


def test_a_quick_model_says_nothing():
    quick = Waits(lambda name, steps: WORTH_A_WORD / 10 * steps)
    assert quick.of(film_of(info()), SAMPLE._replace(steps=9)) == {}
    assert quick.of(film_of(info()), SAMPLE._replace(steps=10)) == {"mean": 0.2, "sample": 2.0}


def test_a_model_without_samples_has_none_to_wait_for():
    linear = info("pca", 64, generative=False)
    assert Waits(lambda name, steps: 3.0).of(film_of(linear), SAMPLE) == {"mean": 3.0}


def test_a_plan_is_cut_to_the_ladder_and_the_dial():
    film = film_of(info(tokens=TOP))
    plan = film.plan(SAMPLE, 5, rest=False, all_samples=False)
    some = soon_of(plan, film, 5)
    assert some[0] == (MEAN, [5])
    assert {k for _, lengths in some for k in lengths} == {5, *ladder(film.lengths)}
    assert {k for _, lengths in plan for k in lengths} == set(range(TOP + 1))
    assert all(lengths for _, lengths in some)
