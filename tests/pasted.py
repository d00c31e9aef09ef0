"""What people paste where tokens are wanted: whole tokens, `{}`, with something in or around them."""

AROUND = {
    "blanks and line breaks": "  {}\r\n ",
    "a link": "https://example.org/dial/?__theme=dark#m=sample&k=32&t={}&seed=3",
    "a link at its end": "http://127.0.0.1:7860/#t={}",
    "a part of a link": "t={}",
    "a sentence's end": "<https://example.org/#t={}>.",
    "quotation marks": '"{}"',
    "padding": "{}==",
    "a mark of byte order": "\ufeff{}\u200b\n",
}


def broken(text: str, wide: int = 60) -> str:
    """In lines, as mail has it."""
    return "\n".join(text[place : place + wide] for place in range(0, len(text), wide))
