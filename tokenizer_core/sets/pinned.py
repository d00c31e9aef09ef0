"""Memory of this process that a GPU reads by itself: registered once, unregistered before it goes.

Two things are easily forgotten. Memory that is unmapped while it is registered stays the driver's, and the
next allocation on the device that meets its addresses fails with "resource already mapped", in code that has
nothing to do with it. And a registration that failed leaves its error behind, which the next launch reports
as its own. Neighbours: `pool` (whose memory it is), `encoder` (whose copies it speeds up).
"""

import logging
import mmap
from typing import Any

import numpy as np
import torch

log = logging.getLogger("tokendial")
SUCCESS = 0  # what every function of the CUDA runtime returns when all is well


class Pinned:
    """Memory that a device may read by itself, until `release`.

    Where it cannot be registered nothing is lost but speed: a copy then goes through memory of the driver's
    own. The reason is in the log.

    Args:
        memory: all of it, from the beginning of a page on: (bytes,) uint8 of a memory map.
        device: "cuda:0", ...

    Attributes:
        registered: whether the device reads it by itself now.
    """

    def __init__(self, memory: np.ndarray, device: str) -> None:
        self._memory, self._device = memory, device  # the array keeps the map from being unmapped
        self.registered = False
        address, size = memory.ctypes.data, memory.nbytes
        if address % mmap.PAGESIZE:
            log.warning("Copies to %s are plain ones: the memory begins within a page.", device)
            return
        whole_pages = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        self.registered = self._call("cudaHostRegister", address, whole_pages, 0)

    def release(self) -> None:
        """Take it from the device; copies that have begun end first. Once is enough, twice does no harm."""
        if not self.registered:
            return
        self.registered = False
        try:
            torch.cuda.synchronize(self._device)
        except RuntimeError as error:  # of a launch before, which has been said elsewhere
            log.warning("%s had failed before its memory was released: %s", self._device, error)
        self._call("cudaHostUnregister", self._memory.ctypes.data)

    def _call(self, name: str, *words: int) -> bool:
        """Call a function of the CUDA runtime; whether it went well. If not, its error is taken, too."""
        try:
            with torch.cuda.device(self._device):
                runtime: Any = torch.cuda.cudart()
                code = int(getattr(runtime, name)(*words))
        except (RuntimeError, AttributeError, AssertionError) as error:
            log.warning("Copies to %s are plain ones: %s: %s", self._device, name, error)
            return False
        if code == SUCCESS:
            return True
        log.warning("Copies to %s are plain ones: %s returned %d.", self._device, name, code)
        take_error(self._device)
        return False


def take_error(device: str) -> None:
    """Take what the CUDA runtime still has to report, so that the next launch does not.

    PyTorch has no call for it, but every launch asks for the last error and clears it.
    """
    try:
        torch.zeros(1, device=device).add_(1)
    except RuntimeError as error:
        log.info("%s reported what was left: %s", device, error)
