"""What is known of a model before it is loaded: plain data that pages, commands, links and reports show.

Whoever would ask "is it that model?" asks here instead. Neighbours: each family's `describe` makes one;
`registry` lists them.
"""

from dataclasses import dataclass
from typing import Any

from tokenizer_core.codes.packing import HARD, SOFT, packer_of
from tokenizer_core.errors import TokenizerError

ROLES = ("main", "baseline", "control", "published")
VIEWS = ("seeds", "mix", "codes", "less", "layer", "halted", "sharpness", "nesting", "guess")
MODES = ("mean", "sample", "sharp", "flow")
DRAWN = ("sample", "flow")  # modes whose pictures depend on a seed
MODES_OF_A_MODEL = (("mean",), ("mean", "sample"), ("mean", "sharp"), ("mean", "sharp", "flow"))
DEVICES = ("cuda", "cpu")
SHARP_STEPS = 2  # what asks for a sharp picture; more ask for a flow's, if there is one
LADDER = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)


@dataclass(frozen=True, kw_only=True)
class AttentionInfo:
    """Maps that a model can show.

    Attributes:
        direction: "read" (where a token looked) or "write" (which tokens a place of the picture asked).
        layers: how many of its layers have them.
        side: maps are side x side.
    """

    direction: str
    layers: int
    side: int = 16


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """One line of the catalog.

    Attributes:
        name: what `load` takes.
        title: one phrase for people.
        family: the name of its family; `kind` of its config.json.
        role: "main", "baseline" (set beside others), "control" (shows what a part is for), or "published"
            (other people's weights).
        order: its place in lists, lowest first: among ours, or among the published ones, which come after
            all of ours; the first main model is what opens.
        tokens: "soft" (numbers), "hard" (indices), or a kind that its family has registered.
        numbers_per_token: width D of a token that is a row of numbers; 0 if hard.
        vocabulary: how many different hard tokens there are; 0 if soft.
        lengths: allowed code lengths, ascending.
        ordered: a short code is a prefix of a long one; else there is a code a length.
        adaptive: it chooses a length for a photo by itself.
        modes: the pictures that it can make of a code: of `MODES`. First "mean", near in every pixel; then
            "sample", drawn, or "sharp", made by a decoder of its own: always the same one; then "flow", drawn
            by a second decoder.
        deterministic: the same photo always gives the same tokens.
        reconstructs: it can show its goal: what its autoencoder makes of a photo without any token.
        attention: the maps that `Tokenizer.attention` has, a line a direction.
        views: which of the page's views of a film make sense: of `VIEWS`.
        devices: kinds of device that it may run on, best first: of `DEVICES`.
        dtypes: the numbers that it may compute in: of "float32" and "bfloat16".
        picture_size: side of its pictures, in pixels.
        default_steps: of a sample; 1 if it draws none.
        default_guidance: guidance scale of a sample, or of a flow's picture.
        flow_steps: of a flow's picture; 0 if it has none.
        size_bytes: of the weight files together.
        bundled: comes with the program; nothing is fetched.
        checkpoint_id: 12 hexadecimal digits of the weights, "" where they are not there.
        licence: of the weights.
        source: where the idea is from: a paper, an address.
        credit: whose weights they are.
    """

    name: str
    title: str
    family: str
    role: str = "main"
    order: int = 100
    tokens: str
    numbers_per_token: int = 0
    vocabulary: int = 0
    lengths: tuple[int, ...]
    ordered: bool
    adaptive: bool = False
    modes: tuple[str, ...] = ("mean",)
    deterministic: bool = True
    reconstructs: bool = False
    attention: tuple[AttentionInfo, ...] = ()
    views: tuple[str, ...] = ("codes", "guess")
    devices: tuple[str, ...] = DEVICES
    dtypes: tuple[str, ...] = ("float32", "bfloat16")
    picture_size: int = 256
    default_steps: int = 1
    default_guidance: float = 1.0
    flow_steps: int = 0
    size_bytes: int = 0
    bundled: bool = True
    checkpoint_id: str = ""
    licence: str
    source: str = ""
    credit: str = ""

    def __post_init__(self) -> None:
        """What contradicts itself is a sentence: a family's `describe` is at fault."""
        wrong = [
            self.role not in ROLES and f"role {self.role}",
            not set(self.views) <= set(VIEWS) and f"views {self.views}",
            not (self.devices and set(self.devices) <= set(DEVICES)) and f"devices {self.devices}",
            not self.lengths and "no lengths",
            list(self.lengths) != sorted(set(self.lengths)) and f"lengths {self.lengths}",
            self.tokens == SOFT and self.numbers_per_token < 1 and "no numbers in a soft token",
            self.tokens == HARD and self.vocabulary < 2 and "no vocabulary of hard tokens",
            self.modes not in MODES_OF_A_MODEL and f"modes {self.modes}",
            self.generative and self.default_steps < 2 and "samples of one step",
            "flow" in self.modes and self.flow_steps <= SHARP_STEPS and "a flow of too few steps",
        ]
        found = [what for what in wrong if what]
        if found:
            raise TokenizerError(f"The description of {self.name} is wrong: {'; '.join(map(str, found))}.")

    @property
    def generative(self) -> bool:
        """Whether what it makes beside the mean are samples."""
        return "sample" in self.modes

    def steps_of(self, mode: str) -> int:
        """The steps that make a picture of this mode, for `Tokenizer.decode`.

        Raises:
            TokenizerError: this model has no such pictures.
        """
        if mode not in self.modes:
            has = " and ".join(self.modes)
            raise TokenizerError(f"The model {self.name} makes no pictures of the kind {mode}; it has {has}.")
        steps = {"mean": 1, "sample": self.default_steps, "sharp": SHARP_STEPS, "flow": self.flow_steps}
        return steps[mode]

    def mode_of(self, steps: int) -> str:
        """The mode of a picture made in so many steps."""
        if steps > SHARP_STEPS:
            return self.modes[-1]
        return self.modes[:2][-1 if steps > 1 else 0]

    def draws(self, steps: int) -> bool:
        """Whether a picture made in so many steps depends on a seed."""
        return self.mode_of(steps) in DRAWN

    def device_of(self, asked: str) -> str:
        """The device that is asked for where this model may run there, else its own choice: "auto"."""
        return asked if asked.partition(":")[0] in self.devices else "auto"

    @property
    def bits_per_token(self) -> int:
        """Bits that a token takes in `Encoding.to_bytes`."""
        return packer_of(self.tokens).bits(self.vocabulary or self.numbers_per_token)

    @property
    def bytes_per_token(self) -> float:
        """The same in bytes; hard tokens may take a part of one."""
        return self.bits_per_token / 8

    def bytes_of(self, length: int) -> int:
        """Whole bytes that so many tokens take, without the head of a file."""
        return (length * self.bits_per_token + 7) // 8

    def layers(self, direction: str) -> int:
        """How many layers have maps in this direction; 0 if there are none."""
        return sum(one.layers for one in self.attention if one.direction == direction)

    @property
    def has_attention(self) -> bool:
        """Whether there are any maps."""
        return bool(self.attention)

    @property
    def ladder(self) -> tuple[int, ...]:
        """The allowed lengths that come first, coarse to fine; all of them where they are few."""
        few = len(self.lengths) <= len(LADDER)
        return tuple(k for k in self.lengths if few or k in LADDER or k == self.lengths[-1])

    def nearest(self, length: int) -> int:
        """The allowed length nearest to one that is asked for; the shorter of two."""
        return min(self.lengths, key=lambda k: (abs(k - length), k))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, with what follows from it."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        whole = self.bits_per_token % 8 == 0
        return plain | {
            "generative": self.generative,
            "attention": [vars(one) for one in self.attention],
            "bits_per_token": self.bits_per_token,
            "bytes_per_token": int(self.bytes_per_token) if whole else self.bytes_per_token,
            "has_attention": self.has_attention,
            "layers_read": self.layers("read"),
            "layers_write": self.layers("write"),
            "ladder": self.ladder,
        }
