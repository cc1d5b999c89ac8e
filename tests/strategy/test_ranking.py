import numpy as np

from nas_nb.strategy.multi_objective import crowded_order, crowding_distance, fronts

POINTS = np.array([[1.0, 5.0], [2.0, 4.0], [5.0, 1.0], [2.0, 5.0], [6.0, 6.0], [1.0, 5.0]])


def test_fronts_are_layers_of_points_that_none_dominates() -> None:
    assert [members.tolist() for members in fronts(POINTS)] == [[0, 1, 2, 5], [3], [4]]


def test_the_ends_of_a_front_are_never_crowded() -> None:
    distance = crowding_distance(np.array([[0.0, 4.0], [1.0, 2.0], [1.5, 1.5], [4.0, 0.0]]))
    assert np.isinf(distance[[0, 3]]).all()
    assert distance[1] == 1.5 / 4 + 2.5 / 4


def test_fitter_fronts_come_first_and_the_crowded_of_a_front_last() -> None:
    points = np.array([[9.0, 9.0], [0.0, 4.0], [1.0, 2.0], [1.1, 1.9], [4.0, 0.0]])
    order = crowded_order(points)
    assert set(order[:2]) == {1, 4}
    assert order[-1] == 0


def test_one_point_is_a_front() -> None:
    assert crowded_order(np.array([[1.0, 2.0]])) == [0]
