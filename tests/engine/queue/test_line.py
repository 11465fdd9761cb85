"""The order in which jobs run: numbers, turns of clients, chosen places."""

import random

from hypothesis import given
from hypothesis import strategies as st

from engine.queue.line import Line, Waiting

JOBS = st.lists(
    st.tuples(st.integers(-5, 5), st.sampled_from(["", "ann", "bob", "cy"]), st.booleans()),
    max_size=20,
)


def waiting(seq: int, client: str = "ann", number: float | None = None) -> Waiting:
    """A job whose number counts up like ``seq``, unless one was chosen."""
    place = seq if number is None else number
    return Waiting(place, f"id-{seq:02}", seq, client or None, number is not None, created_ms=0)


def line_of(*jobs: Waiting, clients: tuple[str, ...] = ()) -> Line:
    return Line(jobs, (), clients)


def taken(line: Line) -> list[int]:
    """Everything that waits, begun one by one."""
    found = []
    while due := line.due():
        line.begin(due[0].seq)
        found.append(due[0].seq)
    return found


@given(JOBS)
def test_one_client_gets_its_jobs_by_number_then_id(chosen: list[tuple[int, str, bool]]):
    jobs = [
        Waiting(number, f"id-{seq:02}", seq, "ann", explicit, 0)
        for seq, (number, _, explicit) in enumerate(chosen)
    ]
    expected = [job.seq for job in sorted(jobs, key=lambda job: (job.number, job.id))]
    assert taken(line_of(*jobs)) == expected


@given(JOBS, st.integers())
def test_the_listed_order_is_the_order_in_which_jobs_are_taken(
    chosen: list[tuple[int, str, bool]], seed: int
):
    jobs = [
        Waiting(number, f"id-{seq:02}", seq, client or None, explicit, 0)
        for seq, (number, client, explicit) in enumerate(chosen)
    ]
    random.Random(seed).shuffle(jobs)
    line = line_of(*jobs, clients=("bob", "ann"))
    order = line.order()
    assert sorted(order) == sorted(job.seq for job in jobs)
    assert taken(line) == order


@given(JOBS)
def test_nothing_passes_a_job_with_a_chosen_number(chosen: list[tuple[int, str, bool]]):
    jobs = {
        seq: Waiting(number, f"id-{seq:02}", seq, client or None, explicit, 0)
        for seq, (number, client, explicit) in enumerate(chosen)
    }
    order = line_of(*jobs.values()).order()
    for place, seq in enumerate(order):
        if jobs[seq].explicit:
            before, after = order[:place], order[place + 1 :]
            assert all(jobs[other] < jobs[seq] for other in before)
            assert all(jobs[other] > jobs[seq] for other in after)


def test_clients_take_turns():
    jobs = [waiting(1, "ann"), waiting(2, "ann"), waiting(3, "ann"), waiting(4, "bob")]
    assert taken(line_of(*jobs)) == [1, 4, 2, 3]


def test_who_has_waited_longest_for_a_start_is_first():
    jobs = [waiting(1, "ann"), waiting(2, "bob"), waiting(3, "cy")]
    assert line_of(*jobs, clients=("bob", "ann")).order() == [3, 2, 1], "cy has never had a turn"


def test_those_without_an_id_are_one_client():
    jobs = [waiting(1, ""), waiting(2, ""), waiting(3, "ann")]
    assert taken(line_of(*jobs)) == [1, 3, 2]


def test_a_client_that_comes_back_does_not_get_ahead():
    line = line_of(*(waiting(seq, "ann") for seq in range(4)))
    line.begin(0)
    line.add(waiting(10, "bob"))
    assert line.order() == [10, 1, 2, 3]
    line.begin(10)
    line.remove(10)
    line.add(waiting(11, "bob"))
    assert line.order() == [1, 11, 2, 3]


def test_a_chosen_number_is_a_fence_for_turns():
    jobs = [waiting(1, "ann"), waiting(2, "ann"), waiting(9, "cy", number=2.5), waiting(3, "bob")]
    assert taken(line_of(*jobs)) == [1, 2, 9, 3], "bob's turn waits: somebody chose to be before"


def test_a_worker_chooses_among_jobs_of_the_client_that_is_due_before_the_fence():
    ann = [waiting(seq, "ann") for seq in range(5)]
    line = line_of(*ann, waiting(8, "bob"), waiting(9, "cy", number=2.5))
    assert [job.seq for job in line.due(16)] == [0, 1, 2]
    assert [job.seq for job in line.due(2)] == [0, 1]
    chosen_first = line_of(*ann, waiting(9, "cy", number=-1))
    assert [job.seq for job in chosen_first.due(16)] == [9]


def test_what_is_about_to_be_removed_is_not_handed_out():
    line = line_of(waiting(1), waiting(2), waiting(3))
    assert line.hold(["id-01", "id-03", "unknown"]) == [1, 3]
    assert (line.order(), len(line)) == ([2], 3)
    line.remove(1)
    line.let_go([1, 3])
    assert (line.order(), len(line)) == ([2, 3], 2)


def test_a_job_that_comes_back_has_its_old_place_and_a_further_attempt():
    line = line_of(waiting(1), waiting(2))
    line.begin(1)
    line.put_back(1)
    assert [(job.seq, job.attempt) for job in line.due()] == [(1, 1)]


def test_a_moved_job_keeps_its_place_whoever_is_due():
    line = line_of(waiting(1, "ann"), waiting(2, "ann"), waiting(3, "bob"))
    line.renumber([(2, 0.5)])
    assert taken(line) == [2, 3, 1], "then bob, who has had no turn"
