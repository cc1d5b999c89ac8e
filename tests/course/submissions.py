"""What students hand in: answers to the three assignments, right and wrong, and what these lose."""

from __future__ import annotations

from typing import Any

import nbformat

from nas_nb.course.assignments import SOURCE

CELLS: list[Any] = nbformat.read(SOURCE, as_version=4).cells
SOLUTIONS: dict[str, str] = {
    cell.metadata["course"]["name"]: cell.source
    for cell in CELLS
    if cell.metadata["course"].get("role") == "solution"
}

Answers = dict[str, str]
Lost = dict[str, float]

WIDE = """
space = nas.SearchSpace.from_dict(
    {"layers": ["Dense"], "depth": [1, 2], "units": [8, 32], "activations": ["relu", "tanh"]}
)
"""
SEEDLESS = """
search = nas.Search(space, "iris", strategy="random", max_trials=6, epochs=3)
search.run()
"""
WORST = """
best = min(search.history.completed, key=lambda trial: trial.score).number
smallest = max(search.history.completed, key=lambda trial: trial.costs["params"]).number
"""
AT_RANDOM = """
def {name}(space):
    def propose(history, rng):
        values = space.sample(rng)
        while history.has_tried(values):
            values = space.sample(rng)
        return values
    return propose
"""
REPEATS = """
def greedy(space):
    def propose(history, rng):
        best = history.incumbent
        return space.sample(rng) if best is None else space.mutate(best.values, rng)
    return propose
"""
NO_EVOLUTION = "evolution = greedy"
OTHER_GREEDY = """
def greedy(space):
    def strategy(history, rng):
        if len(history.completed) >= 5:
            near = space.neighbours(history.incumbent.values)
            free = [one for one in near if not history.has_tried(one)]
            if free:
                return free[int(rng.integers(len(free)))]
        one = space.sample(rng)
        while history.has_tried(one):
            one = space.sample(rng)
        return one
    return strategy
"""
OTHER_EVOLUTION = """
def tournament(trials, rng):
    chosen = rng.permutation(len(trials))[:5]
    scores = [trials[number].score for number in chosen]
    return trials[chosen[int(np.argmax(scores))]]


def evolution(space):
    def strategy(history, rng):
        trials, child = list(history.completed), None
        while child is None or history.has_tried(child):
            if len(trials) < 10:
                child = space.sample(rng)
            else:
                child = space.mutate(tournament(trials[-10:], rng).values, rng)
        return child
    return strategy
"""
SHORT = """
search = nas.Search(
    {"layers": ["Dense"], "units": [4, 8, 16], "activations": ["relu", "tanh"]},
    "wine", strategy="random", max_trials=4, epochs=3, seed=seed, directory="my_search",
)
search.run()
"""
LONG = SHORT.replace("max_trials=4", "max_trials=8")
SOMEBODY_ELSES = LONG.replace("seed=seed", 'seed=1, objective="val_loss"')
OTHER_DATA = LONG.replace('"wine"', '"iris"')
BY_THE_RECORD = """
scores = np.array([trial.score for trial in search.history.completed])
report = {"trials": len(scores), "best": round(search.best.score, 3), "spread": np.std(scores)}
"""
OF_A_SAMPLE = BY_THE_RECORD.replace("np.std(scores)", "np.std(scores, ddof=1)")
INVENTED = 'report = {"trials": 9, "best": 0.999, "spread": 0.01}'

SUBMISSIONS: dict[str, dict[str, tuple[Answers, Lost]]] = {
    # what replaces the reference's answers, and the points that are lost by it
    "space": {
        "reference": ({}, {}),
        "wide": ({"space-answer": WIDE}, {"space-points": 1}),
        "seedless": ({"search-answer": SEEDLESS}, {"search-seed": 1}),
        "worst": ({"reading-answer": WORST}, {"reading-best": 1, "reading-smallest": 1}),
    },
    "strategy": {
        "reference": ({}, {}),
        "random": (
            {f"{name}-answer": AT_RANDOM.format(name=name) for name in ("greedy", "evolution")},
            {"greedy-history": 1, "greedy-regret": 2, "evolution-history": 1, "evolution-other": 2},
        ),
        "repeats": ({"greedy-answer": REPEATS}, {"greedy-legal": 1}),
        "greedy": ({"evolution-answer": NO_EVOLUTION}, {"evolution-other": 2}),
    },
    "report": {
        "reference": ({}, {}),
        "short": (
            {"run-answer": SHORT, "report-answer": OF_A_SAMPLE},
            {"run-evidence": 1, "report-spread": 1},
        ),
        "somebody-elses": (
            {"run-answer": SOMEBODY_ELSES, "report-answer": BY_THE_RECORD},
            {"run-own": 1},
        ),
        "invented": (
            {"run-answer": OTHER_DATA, "report-answer": INVENTED},
            {"run-own": 1, "report-best": 1, "report-numbers": 1, "report-spread": 1},
        ),
    },
}
OTHER_SOLUTION: Answers = {"greedy-answer": OTHER_GREEDY, "evolution-answer": OTHER_EVOLUTION}
"""A right one, written from the handout alone."""


def questions_of(assignment: str) -> dict[str, dict[str, int]]:
    """Returns the questions of an assignment, each with its tests and their points."""
    found: dict[str, dict[str, int]] = {}
    for told in (cell.metadata["course"] for cell in CELLS):
        if told["assignment"] == assignment and told.get("role") == "solution":
            tests = found.setdefault(told["name"], {})
        elif told["assignment"] == assignment and told.get("role") == "test":
            tests[told["name"]] = told["points"]
    return found


def answer_of(assignment: str, student: str, question: str) -> str:
    """Returns what a student hands in as the answer to a question."""
    return SUBMISSIONS[assignment][student][0].get(question, SOLUTIONS[question])


def marks_of(assignment: str, student: str) -> dict[str, float]:
    """Returns the points that a submission should get for each test."""
    lost = SUBMISSIONS[assignment][student][1]
    points = {
        name: full for tests in questions_of(assignment).values() for name, full in tests.items()
    }
    return {name: full - lost.get(name, 0) for name, full in points.items()}
