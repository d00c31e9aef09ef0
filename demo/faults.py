"""What a visitor is told when something goes wrong with the server: one sentence, and no path of it."""

import logging

import tokenizer_core as tc

log = logging.getLogger("tokendial")
SENTENCES: dict[tc.Fault, str] = {
    "memory": "The server ran out of memory for this picture. Please try once more.",
    "device": "The server's graphics processor failed at this picture. Please try once more.",
    "disk": "The server's disk is full, so it cannot take this file just now. Please try again in a minute.",
    "other": "Something went wrong on the server. Please try once more.",
}
BROKEN = SENTENCES["other"]


def told(error: Exception) -> dict[str, str]:
    """{"error": the sentence, "fault": its kind}; what happened is in the log."""
    kind = tc.fault_of(error)
    log.error("A question was not answered (%s)", kind, exc_info=error)
    return {"error": SENTENCES[kind], "fault": kind}
