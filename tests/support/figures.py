"""What a figure says."""

from matplotlib.figure import Figure
from matplotlib.text import Text


def texts(figure: Figure) -> str:
    """Return all texts of a figure."""
    return " ".join(text.get_text() for text in figure.findobj(Text))
