"""The judge: whether one order of the operations explains everything that was seen.

An order must keep what was over before something else began (Herlihy and Wing, Linearizability,
1990); found by trying, remembering what was tried (Wing and Gong, 1993; Lowe, 2017).
"""

from collections.abc import Sequence

from tests.faults.histories.model import Op, Situation, steps


def order_find(ops: Sequence[Op], *, start: Situation) -> list[Op] | None:
    """Return an order of one job's operations that its rules allow; None when there is none."""
    tried: set[tuple[frozenset[int], Situation]] = set()
    path: list[Op] = []

    def go_on(left: frozenset[int], now: Situation) -> bool:
        if not left:
            return True
        if (left, now) in tried:
            return False
        tried.add((left, now))
        first_end = min(ops[index].ended for index in left)
        for index in sorted(left, key=lambda which: ops[which].begun):
            if ops[index].begun > first_end:
                break
            for after in steps(now, ops[index]):
                path.append(ops[index])
                if go_on(left - {index}, after):
                    return True
                path.pop()
        return False

    return path if go_on(frozenset(range(len(ops))), start) else None


def steps_billed_once(ranges: Sequence[tuple[int, int]], *, through: int) -> bool:
    """Say whether these ranges are the steps from 0 on, each once."""
    walked = sorted(step for begin, end in ranges for step in range(begin, end))
    return walked == list(range(through))
