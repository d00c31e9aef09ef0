"""The films that the server holds, of all visitors, in one place behind one lock.

What leads to a film is a *token*, which none but one visitor can know. An example and a link are one film for
all who open them, each with a token of their own: so each can forget it, and nobody else's goes. Memory is
bounded by bytes: what was asked for least lately goes first, and never what somebody watches.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

import tokenizer_core as tc
from demo.film import WATCHED, Film

LIMIT = 512 << 20  # bytes of films and photos: some thirty large photos with all their frames
TOKEN_BYTES = 1 << 10  # what a token takes, generously
GONE = "The server no longer holds this photo. Please choose it again."
FULL = "Many visitors are here, and the server holds as many photos as it can. Please try again in a minute."


@dataclass
class Place:
    """Where a token leads."""

    film: Film
    seen: float  # when the token was last used
    asking: int = 0  # questions with it that are being answered

    @property
    def watched(self) -> bool:
        """Whether its visitor asks for something, or did a moment ago."""
        return self.asking > 0 or monotonic() - self.seen < WATCHED


@dataclass
class Load:
    """A film or a photo in memory, counted once however many lead to it."""

    size: int
    users: int = 0


class Store(Mapping[str, Film]):
    """Films by token, the one that was asked for least lately first.

    Args:
        limit: bytes that all films may take; what is watched may grow over it a little.

    Attributes:
        size: bytes that they take now.
    """

    def __init__(self, limit: int = LIMIT):
        self.limit, self.size = limit, 0
        self._lock = threading.RLock()
        self._places = OrderedDict[str, Place]()
        self._shared = dict[str, Film]()
        self._loads = dict[int, Load]()  # by the identity of a film or photo, which a place keeps alive

    def __getitem__(self, token: str) -> Film:
        with self._lock:
            return self._places[token].film

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._places))

    def __len__(self) -> int:
        return len(self._places)

    def shared(self, key: str) -> Film | None:
        """The film of an example or a link, if it is here."""
        with self._lock:
            return self._shared.get(key)

    def add(self, film: Film) -> tuple[str, Film]:
        """Keep a film, or find the one that others have of the same example or link.

        Returns:
            The visitor's token, and the film that it leads to.

        Raises:
            TokenizerError: all that is here is watched, and there is no room; or it is another crop of a
                photo that was forgotten meanwhile.
        """
        with self._lock:
            if not film.key and film.family != film.token and not self._of_family(film.family):
                raise tc.TokenizerError(GONE)
            film = self._shared.setdefault(film.key, film) if film.key else film
            token = secrets.token_urlsafe(12) if film.key else film.token
            self._places[token] = Place(film, monotonic())
            self._hold(film)
            self._make_room()
            if self.size > self.limit:
                self._let_go(token)
                raise tc.TokenizerError(FULL)
            return token, film

    @contextmanager
    def watch(self, token: str) -> Iterator[Film]:
        """The film of a token, which stays while it is watched.

        Raises:
            TokenizerError: it is not here, or no longer.
        """
        with self._lock:
            place = self._places.get(token)
            if place is None:
                raise tc.TokenizerError(GONE)
            place.asking += 1
            self._places.move_to_end(token)
        try:
            yield place.film
        finally:
            with self._lock:
                place.asking -= 1
                place.seen = monotonic()
                self._weigh(place.film)
                self._make_room()

    def forget(self, token: str) -> list[str]:
        """Let a visitor's film go, with all other films of their photo: the tokens that lead nowhere now.

        A film that somebody else opened, too, stays for them.

        Raises:
            TokenizerError: it is not here, or no longer.
        """
        with self._lock:
            if token not in self._places:
                raise tc.TokenizerError(GONE)
            film = self._places[token].film
            tokens = [token] if film.key else self._of_family(film.family)
            for each in tokens:
                self._let_go(each)
            return tokens

    def _of_family(self, family: str) -> list[str]:
        places = self._places.items()
        return [token for token, place in places if not place.film.key and place.film.family == family]

    def _make_room(self) -> None:
        """Let films go, then reels that are only waited for, until the rest fits or is watched."""
        if self.size <= self.limit:
            return
        for token, place in list(self._places.items()):
            if self.size <= self.limit:
                return
            if not place.watched:
                self._let_go(token)
        for place in list(self._places.values()):
            if self.size <= self.limit:
                return
            place.film.shed()
            self._weigh(place.film)

    def _hold(self, film: Film) -> None:
        self.size += TOKEN_BYTES
        for thing, size in parts(film):
            load = self._loads.setdefault(id(thing), Load(size))
            self.size += 0 if load.users else size
            load.users += 1

    def _let_go(self, token: str) -> None:
        film = self._places.pop(token).film
        self.size -= TOKEN_BYTES
        for thing, _ in parts(film):
            load = self._loads[id(thing)]
            load.users -= 1
            if not load.users:
                self.size -= load.size
                del self._loads[id(thing)]
        if film.key and id(film) not in self._loads:
            del self._shared[film.key]

    def _weigh(self, film: Film) -> None:
        """Count what a film has grown by, if it is still here."""
        load = self._loads.get(id(film))
        if load:
            size = film.size
            self.size += size - load.size
            load.size = size


def parts(film: Film) -> list[tuple[object, int]]:
    """A film, and its photo, which other crops may have, too; with their bytes."""
    found: list[tuple[object, int]] = [(film, film.size)]
    if film.photo is not None:
        found.append((film.photo, 4 * film.photo.width * film.photo.height))  # Pillow keeps RGB in 4 bytes
    return found
