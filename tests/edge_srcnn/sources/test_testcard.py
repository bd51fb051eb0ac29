"""The test card is the same on every call, and tests what it says."""

import numpy as np

from edge_srcnn.sources.testcard import HEIGHT, INK, PAPER, WIDTH, draw_test_card


def test_it_is_an_rgb_picture_of_its_size_and_the_same_each_time():
    card = draw_test_card()
    assert (card.shape, card.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
    assert (card == draw_test_card()).all()


def test_it_divides_by_two_and_four():
    assert (HEIGHT % 4, WIDTH % 4) == (0, 0)


def test_it_holds_the_whole_range_ink_on_paper_and_colours():
    card = draw_test_card()
    assert (card.min(), card.max()) == (0, 255)
    grey = (card == card[..., :1]).all(axis=2)
    assert set(np.unique(card[grey])) >= {INK, PAPER}
    assert 0.02 < 1 - grey.mean() < 0.5


def test_the_gradient_rises_from_black_to_white():
    ramp = draw_test_card()[200, 16:-16, 0].astype(int)
    assert (ramp[0], ramp[-1]) == (0, 255)
    assert set(np.diff(ramp)) == {0, 1}


def test_the_finest_lines_alternate_from_pixel_to_pixel():
    lines = draw_test_card()[216 + 10, 280 : 280 + 40, 0]
    assert (lines[::2] == INK).all()
    assert (lines[1::2] == PAPER).all()
