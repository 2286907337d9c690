"""The Pareto frontier."""

import pandas as pd

from stages.common.evidence.frontier import on_frontier


def test_only_the_unbeaten_are_on_it():
    size = pd.Series([10, 20, 30, 40, 20, 40])
    accuracy = pd.Series([0.5, 0.7, 0.6, 0.8, 0.6, 0.8])
    #        smallest, better, beaten by 20, best, beaten at its own size, twin of the best
    assert on_frontier(size, accuracy) == [True, True, False, True, False, True]


def test_one_network_is_a_frontier():
    assert on_frontier(pd.Series([1.0]), pd.Series([0.1])) == [True]
