"""The films that the server holds, of all visitors, in one place behind one lock.

What leads to a film is a *token*, which none but one visitor can know. An example and a link are one film for
all who open them, each with a token of their own: so each can forget it, and nobody else's goes. Memory is
bounded by bytes: what was asked for least lately goes first, and never what somebody watches.
"""

import secrets
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

import tokenizer_core as tc

from .film import WATCHED, Film

LIMIT = 512 << 20  # bytes of films and photos: some thirty large photos with all their frames
MOST_TOKENS = 10_000  # that lead to one film
GONE = "The server no longer holds this photo. Please choose it again."
FULL = "Many visitors are here, and the server holds as many photos as it can. Please try again in a minute."


class Gone(tc.TokenizerError):
    """A token leads to no film, or to none any more; the page may begin it again."""

    def __init__(self, token: str):
        super().__init__(GONE)
        self.token = token


@dataclass
class Place:
    """Where a film is kept."""

    film: Film
    size: int = 0  # bytes of the film, as counted last; its photo is counted apart
    seen: float = 0.0  # when somebody last asked for it
    asking: int = 0  # questions about it that are being answered
    tokens: OrderedDict[str, None] = field(default_factory=OrderedDict)  # that lead to it, by their last use

    @property
    def watched(self) -> bool:
        """Whether somebody asks for something of it, or did a moment ago."""
        return self.asking > 0 or monotonic() - self.seen < WATCHED


class Store(Mapping[str, Film]):
    """Films by token, the film that was asked for least lately first.

    Args:
        limit: bytes that all films may take; what is watched may grow over it a little.

    Attributes:
        size: bytes that they take now.
    """

    def __init__(self, limit: int = LIMIT):
        self.limit, self.size = limit, 0
        self._lock = threading.RLock()
        self._places = OrderedDict[int, Place]()  # by the film's identity
        self._tokens = dict[str, Place]()
        self._shared = dict[str, Place]()  # by the film's key
        self._photos = Counter[int]()  # how many films have a photo, by its identity

    def __getitem__(self, token: str) -> Film:
        with self._lock:
            return self._tokens[token].film

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter([token for place in self._places.values() for token in place.tokens])

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def watched(self) -> int:
        """How many tokens somebody asks about, or did a moment ago: visitors, or their panes of Compare."""
        with self._lock:
            return sum(len(place.tokens) for place in self._places.values() if place.watched)

    def shared(self, key: str) -> Film | None:
        """The film of an example or a link, if it is here."""
        with self._lock:
            return self._shared[key].film if key in self._shared else None

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
            place = self._shared.get(film.key) or self._hold(film)
            token = secrets.token_urlsafe(12) if film.key else film.token
            self._tokens[token] = place
            self._use(token)
            if len(place.tokens) > MOST_TOKENS:
                self._drop(next(iter(place.tokens)))
            place.asking += 1  # it does not make room for itself
            self._make_room()
            place.asking -= 1
            if place.film is film and self.size > self.limit:
                self._let_go(place)
                raise tc.TokenizerError(FULL)
            return token, place.film

    @contextmanager
    def watch(self, token: str) -> Iterator[Film]:
        """The film of a token, which stays while it is watched.

        Raises:
            Gone: it is not here, or no longer.
        """
        with self._lock:
            place = self._find(token)
            place.asking += 1
            self._use(token)
        try:
            yield place.film
        finally:
            with self._lock:
                place.asking -= 1
                place.seen = monotonic()
                self._weigh(place)
                self._make_room()

    def forget(self, token: str) -> list[str]:
        """Let a visitor's film go, with all other films of their photo: the tokens that lead nowhere now.

        A film that somebody else opened, too, stays for them.

        Raises:
            Gone: it is not here, or no longer.
        """
        with self._lock:
            film = self._find(token).film
            tokens = [token] if film.key else self._of_family(film.family)
            for each in tokens:
                self._drop(each)
            return tokens

    def _find(self, token: str) -> Place:
        if token not in self._tokens:
            raise Gone(token)
        return self._tokens[token]

    def _of_family(self, family: str) -> list[str]:
        own = [place for place in self._places.values() if not place.film.key and place.film.family == family]
        return [token for place in own for token in place.tokens]

    def _use(self, token: str) -> None:
        """Note that a token and its film were asked for just now."""
        place = self._tokens[token]
        place.seen = monotonic()
        place.tokens[token] = None
        place.tokens.move_to_end(token)
        self._places.move_to_end(id(place.film))

    def _make_room(self) -> None:
        """Let films go, then reels that are only waited for, until the rest fits or is watched."""
        if self.size <= self.limit:
            return
        for place in list(self._places.values()):
            if self.size > self.limit and not place.watched:
                self._let_go(place)
        for place in list(self._places.values()):
            if self.size > self.limit:
                place.film.shed()
                self._weigh(place)

    def _hold(self, film: Film) -> Place:
        place = self._places[id(film)] = Place(film)
        if film.key:
            self._shared[film.key] = place
        self._photos[id(film.photo)] += 1
        if self._photos[id(film.photo)] == 1:
            self.size += photo_bytes(film)
        self._weigh(place)
        return place

    def _let_go(self, place: Place) -> None:
        film = place.film
        for token in place.tokens:
            del self._tokens[token]
        place.tokens.clear()
        del self._places[id(film)]
        self._shared.pop(film.key, None)
        self.size -= place.size
        self._photos[id(film.photo)] -= 1
        if not self._photos[id(film.photo)]:
            del self._photos[id(film.photo)]
            self.size -= photo_bytes(film)

    def _drop(self, token: str) -> None:
        """Let a token go, and the film with its last one."""
        place = self._tokens.pop(token)
        del place.tokens[token]
        if not place.tokens:
            self._let_go(place)

    def _weigh(self, place: Place) -> None:
        """Count what a film has grown by, if it is still here."""
        if self._places.get(id(place.film)) is place:
            size = place.film.size
            self.size += size - place.size
            place.size = size


def photo_bytes(film: Film) -> int:
    """Bytes of a film's photo; its other crops have the same."""
    return 4 * film.photo.width * film.photo.height if film.photo else 0  # Pillow keeps RGB in 4 bytes
