from __future__ import annotations

from nas_nb.space.graph import Edge, Graph, Layout, Node, chain_graph, lay_out

DIAMOND = Graph(
    (
        Node("a", "input", "input"),
        Node("b", "left"),
        Node("c", "right"),
        Node("d", "end", "output"),
    ),
    (Edge("a", "b", "x"), Edge("a", "c"), Edge("b", "d"), Edge("c", "d"), Edge("a", "d", "skip")),
)


def overlap(picture: Layout) -> bool:
    boxes = picture.boxes
    return any(
        abs(one.x - two.x) * 2 < one.width + two.width
        and abs(one.y - two.y) * 2 < one.height + two.height
        for number, one in enumerate(boxes)
        for two in boxes[:number]
    )


def test_nodes_stand_below_what_leads_to_them_and_apart() -> None:
    picture = lay_out(DIAMOND)
    by = {box.label: box for box in picture.boxes}
    assert by["input"].y < by["left"].y == by["right"].y < by["end"].y
    assert by["left"].x < by["right"].x
    assert not overlap(picture)


def test_arrows_lead_from_box_to_box_downwards_and_bend_around_rows() -> None:
    picture = lay_out(DIAMOND)
    assert len(picture.arrows) == 5
    assert all(arrow.y1 < arrow.y2 for arrow in picture.arrows)
    assert [arrow.label for arrow in picture.arrows if arrow.bend] == ["skip"]


def test_everything_is_inside_the_picture() -> None:
    picture = lay_out(DIAMOND)
    for box in picture.boxes:
        assert box.x - box.width / 2 >= 0
        assert box.x + box.width / 2 <= picture.width + 1e-9
        assert box.y + box.height / 2 <= picture.height + 1e-9
    for arrow in picture.arrows:
        assert 0 <= (arrow.x1 + arrow.x2) / 2 + arrow.bend <= picture.width + 1e-9


def test_outputs_stand_last_even_where_nothing_leads_to_them() -> None:
    nodes = (Node("a", "in", "input"), Node("b", "dead"), Node("c", "out", "output"))
    *_, dead, out = lay_out(Graph(nodes, (Edge("a", "b"),))).boxes
    assert out.y > dead.y


def test_wide_rows_are_broken() -> None:
    nodes = tuple(Node(str(n), "a parameter with a long label") for n in range(9))
    picture = lay_out(Graph(nodes, ()))
    assert picture.width < 10
    assert not overlap(picture)


def test_a_chain_is_a_straight_line() -> None:
    picture = lay_out(chain_graph(("in", "step", "out")))
    assert len({box.x for box in picture.boxes}) == 1
    assert [box.kind for box in picture.boxes] == ["input", "step", "output"]
    assert all(arrow.bend == 0 for arrow in picture.arrows)
