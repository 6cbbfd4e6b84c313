"""The last of what was printed, as text for people. Pure."""

LIMIT = 16 * 1024
_CUT = "[only the last 16 KiB are kept]\n"


class Tail:
    """Takes bytes without end and keeps the last 16 KiB of them. Any thread may feed it.

    Attributes:
        total: how many bytes it was fed.
    """

    __slots__ = ("_data", "total")

    def __init__(self) -> None:
        self.total = 0
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what was printed next."""
        self.total += len(data)
        self._data += data[-LIMIT:]
        if len(self._data) > 2 * LIMIT:
            del self._data[:-LIMIT]

    def text(self, since: int = 0) -> str:
        """What was fed after the first ``since`` bytes, cut at a line where it is more than is kept, and saying so."""
        wanted = self.total - min(max(0, since), self.total)
        piece = bytes(self._data[max(0, len(self._data) - wanted) :])
        return bounded(piece, cut=len(piece) < wanted)


def bounded(data: bytes, *, cut: bool = False) -> str:
    """Bytes as text of at most 16 KiB, the last of it; what is no UTF-8 is replaced.

    Args:
        data: the bytes.
        cut: something that came before them is lost already.
    """
    text = data.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    kept = text.encode()
    if cut or len(kept) > LIMIT:
        return _CUT + _from_a_line(kept[-(LIMIT - len(_CUT)) :]).decode("utf-8", "ignore")
    return text


def _from_a_line(data: bytes) -> bytes:
    _, found, rest = data.partition(b"\n")
    return rest if found and rest else data
