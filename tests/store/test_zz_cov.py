import pytest, tests.store.machine as mm
from tests.store import test_protocols as tp
from hypothesis.stateful import run_state_machine_as_test
@pytest.mark.parametrize("machine", tp.MACHINES, ids=lambda m: m.__name__)
def test_cov(machine, store):
    mm.reached.clear(); machine.store=store
    run_state_machine_as_test(machine)
    by={}
    for (op,v),n in mm.reached.items(): by.setdefault(op,[]).append((n,v))
    print(machine.__name__)
    for op in sorted(by): print("  ",op, ", ".join(f"{v} {n}" for n,v in sorted(by[op],reverse=True)))
