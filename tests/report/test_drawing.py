"""Pictures: what is drawn stays within them."""

from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from seqkit.report import drawing
from seqkit.report.parts import Plot


@pytest.mark.parametrize("width", [4, 16, 17, 18, 21, 44, 60])
def test_a_legend_stays_within_the_picture(width: int) -> None:
    names = [
        "rnn_tanh-no_attention-lr0.002-seed1-of-seven-on-multi30k-twice"[:width] + str(i)
        for i in range(7)
    ]
    part = Plot(
        "Score", [1, 2], {name: [0.1, 0.2] for name in names}, x_label="steps", y_label="bleu"
    )
    figure = drawing._drawn(part)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 7
    box = legend.get_window_extent(canvas.get_renderer())
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
    plotted = figure.axes[0].get_window_extent(canvas.get_renderer())
    assert plotted.width > 0.7 * figure.bbox.width  # and leaves room for what is drawn
