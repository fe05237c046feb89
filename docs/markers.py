"""Generated parts of a page lie between two comments; the generator replaces what is between them."""


def put(text: str, name: str, content: str, by: str = "make generate") -> str:
    """`text` with `content` between the markers of `name`, which say that it was written `by` a command.

    Raises:
        ValueError: a marker is missing.
    """
    begin, end = f"<!-- {name}: written by `{by}` -->", f"<!-- end of {name} -->"
    head, begun, rest = text.partition(begin)
    _, ended, tail = rest.partition(end)
    if not (begun and ended):
        raise ValueError(f"no {begin!r} … {end!r}")
    return f"{head}{begin}\n{content}\n{end}{tail}"
