"""The one error that users see: its text is a sentence that the page and the command line show as it is."""


class TokenizerError(ValueError):
    """A mistake that the user can mend (a file that is no picture, a length out of range, damaged weights).

    `str(error)` is a full sentence without paths of the machine or tracebacks.
    """
