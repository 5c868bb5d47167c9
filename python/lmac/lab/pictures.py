"""Pictures of what was measured: the curve of a training run, the bars of an evaluation. Matplotlib draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

OURS, OTHERS, FAINT = "#1f6f8b", "#b9c2c7", "#d9dee1"


def _figure(width: float, height: float) -> tuple[Any, Any]:
    """A figure with one plain axes; drawn without a display, text kept as text."""
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "lmac"})  # the same file for the same numbers
    figure = Figure((width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)


def draw_curve(curve: Sequence[tuple[int, float, float]], path: Path) -> None:
    """Bits per byte of training and of held-out text by the megabytes seen.

    Args:
        curve: Bytes seen, training and validation bits per byte; training may be nan.
        path: ``.svg`` or ``.png``.
    """
    seen, training, validation = ([*column] for column in zip(*curve, strict=True))
    megabytes = [count / 1e6 for count in seen]
    best = min(range(len(curve)), key=validation.__getitem__)
    figure, axes = _figure(6.4, 3.6)
    axes.plot(megabytes, training, color=OTHERS, label="training text")
    axes.plot(megabytes, validation, color=OURS, marker="o", markersize=3, label="held-out text")
    axes.annotate(f"{validation[best]:.3f}", (megabytes[best], validation[best]), textcoords="offset points", xytext=(0, 6), ha="center", color=OURS)
    axes.set(xlabel="megabytes seen", ylabel="bits per byte")
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.legend(frameon=False)
    _save(figure, path)


def draw_bars(rates: Mapping[str, float], title: str, path: Path) -> None:
    """One bar for each compressor, the best at the top, lmac's in colour.

    Args:
        rates: Bits per byte by name of the compressor.
        title: Above the bars.
        path: ``.svg`` or ``.png``.
    """
    names = sorted(rates, key=rates.__getitem__, reverse=True)
    figure, axes = _figure(6.4, 0.9 + 0.32 * len(names))
    bars = axes.barh(names, [rates[name] for name in names], color=[OURS if name.startswith("lmac") else OTHERS for name in names])
    axes.bar_label(bars, fmt="%.3f", padding=3)
    axes.set(xlabel="bits per byte, smaller is better", title=title)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.12)
    _save(figure, path)
