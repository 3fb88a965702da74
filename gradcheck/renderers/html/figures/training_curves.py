"""Training curves: all implementations over one another."""

from typing import Any

from markupsafe import Markup

from gradcheck.renderers.html.figures.drawing import SERIES, axes, legend

#: Wide below and thin on top, so that curves that coincide are all seen.
_LOOKS = (
    {"linewidth": 5.0, "alpha": 0.45},
    {"linewidth": 2.6, "linestyle": "-"},
    {"linewidth": 1.6, "linestyle": (0, (4, 3))},
    {"linewidth": 1.6, "linestyle": (0, (1, 2))},
)


def draw(curves: dict[str, list[Any]], name: str, title: str) -> Markup:
    """Draw the loss over a training.

    Parameters
    ----------
    curves : dict of str to list
        Losses at equal intervals from start to end, by implementation.
    """
    label = f"Loss during the training of {title}: {', '.join(curves)}"
    with axes(2.5, name, label) as (ax, picture):
        positive = True
        for index, (who, losses) in enumerate(curves.items()):
            values = [float("nan") if isinstance(v, str) else v for v in losses]
            positive = positive and all(not v <= 0 for v in values)
            share = [100 * i / max(len(values) - 1, 1) for i in range(len(values))]
            look = _LOOKS[min(index, len(_LOOKS) - 1)]
            ax.plot(share, values, color=SERIES[index % len(SERIES)], label=legend(who), **look)
        if positive:
            ax.set_yscale("log")
        ax.set_xlim(0, 100)
        ax.set_xlabel("part of the training done (%)")
        ax.set_ylabel("loss")
        ax.grid(axis="y")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return picture.svg
