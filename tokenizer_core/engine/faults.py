"""What went wrong with the machine, not with what a visitor asked: its kind, and what mends it."""

import errno
import logging
from typing import Literal

import torch

log = logging.getLogger("tokendial")
Fault = Literal["memory", "device", "disk", "other"]
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
# A failed kernel was a plain RuntimeError before PyTorch had a name for it; these words stand in it.
OF_A_DEVICE = ("CUDA error", "CUBLAS_STATUS", "CUDNN_STATUS", "cuDNN error", "HIP error")
FAILED_KERNEL: tuple[type[Exception], ...] = (
    (torch.AcceleratorError,) if hasattr(torch, "AcceleratorError") else ()
)


def fault_of(error: BaseException) -> Fault:
    """The kind of an error: memory or a disk is full, a device's kernel failed, or none of these."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return "memory"
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return "disk"
    if isinstance(error, FAILED_KERNEL):
        return "device"
    if isinstance(error, RuntimeError) and any(words in str(error) for words in OF_A_DEVICE):
        return "device"
    return "other"


def free_memory(device: str) -> None:
    """Give back what PyTorch keeps of a device's memory for later: after this a smaller request may fit."""
    if device.startswith("cuda"):
        torch.cuda.empty_cache()


def works(device: str) -> bool:
    """Whether a device still computes. After some failed kernels it does not until the process ends."""
    try:
        return bool((torch.ones(8, device=device) * 2).sum().item() == 16)
    except RuntimeError as error:
        log.error("%s computes no more: %s", device, error)
        return False
