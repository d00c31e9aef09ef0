"""The visitors' sheet: what people really upload, in groups, and how rows of pictures become pages.

`judge_sheet.json` names the photographs and holds the screenshots and drawings as lists of shapes, 256 units
wide: [method of Pillow's ImageDraw, where, with what]. Whole numbers are lengths.
Neighbours: `judge` (who decodes them).
"""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from tokenizer_core.errors import TokenizerError
from tokenizer_core.photos.photo import Picture, open_photo, square_crop
from tokenizer_core.photos.photoset import PhotoSet, photo_set

SHEET = json.loads((Path(__file__).parent / "judge_sheet.json").read_text("utf-8"))
SCALE = 4  # drawn at 1024 and made smaller, as a visitor's screenshot is


@dataclass(frozen=True)
class Entry:
    """One row of the sheet; `free` if everybody may see it: a free photograph, or drawn here."""

    group: str
    name: str
    free: bool
    picture: Picture


SheetRow = tuple[Entry, tuple[Picture, ...]]  # a picture a column


def entries(photos: str | Path | PhotoSet, free: str | Path) -> Iterator[Entry]:
    """The rows of the sheet, group by group; photographs that `photos` does not hold are left out.

    Args:
        photos: the validation photographs: a folder, zip or tar; of a `PhotoSet` all, whatever its limit.
        free: a folder of free photographs.

    Raises:
        TokenizerError: there are no such photographs, or one cannot be opened and is not to be skipped.
    """
    given = photo_set(photos)
    both = [PhotoSet(given.path, None, given.skip_damaged, given.exact), PhotoSet(free)]
    wanted = {name for group in SHEET["groups"].values() for name in group}
    files = {name: (data, one) for one in both for name, data in one.files() if name in wanted}
    for group, names in SHEET["groups"].items():
        for name in names:
            if name in SHEET["drawings"]:
                yield Entry(group, name, True, square_crop(draw(SHEET["drawings"][name])))
            elif name in files:
                data, source = files[name]
                try:
                    picture = square_crop(open_photo(io.BytesIO(data)))
                except TokenizerError as error:
                    source.leave_out(name, error)
                    continue
                yield Entry(group, name, source is both[1], picture)
    given.damaged += [each for each in both[0].damaged if each not in given.damaged]


def draw(shapes: Sequence[Sequence[Any]]) -> Image.Image:
    """Shapes to a picture of 1024 x 1024 in mode RGB; the same shapes always give the same picture."""
    image = Image.new("RGB", (256 * SCALE, 256 * SCALE), "white")
    pen = ImageDraw.Draw(image)
    for kind, numbers, how in shapes:
        scaled = {name: value if isinstance(value, str) else SCALE * value for name, value in how.items()}
        getattr(pen, kind)([SCALE * number for number in numbers], **scaled)
    return image


def lay_out(rows: Sequence[SheetRow], heads: Sequence[str], side: int = 192) -> Image.Image:
    """A page: heads of the columns, a heading where a group begins, a row of pictures an entry."""
    groups = [entry.group for entry, _ in rows]
    begins = [i == 0 or groups[i - 1] != group for i, group in enumerate(groups)]
    cell, head = side + 4, 30
    page = Image.new("RGB", (len(heads) * cell, head * (1 + sum(begins)) + len(rows) * cell), "white")
    pen, top = ImageDraw.Draw(page), head
    for column, text in enumerate(heads):
        pen.text((column * cell + 4, 4), text, "black", font_size=20)
    for (entry, pictures), begin in zip(rows, begins, strict=True):
        if begin:
            pen.rectangle((0, top, page.width, top + head - 4), "#dfe7e2")
            pen.text((4, top + 2), entry.group, "black", font_size=20)
            top += head
        for column, picture in enumerate(pictures):
            small = picture.to_pil().resize((side, side), Image.Resampling.LANCZOS)
            page.paste(small, (column * cell, top))
        name = entry.name.removesuffix(".webp")
        pen.text((4, top + 2), name, "white", font_size=13, stroke_width=2, stroke_fill="black")
        top += cell
    return page
