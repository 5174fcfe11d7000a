"""What one decision reads must not depend on what is stored: not even on tables of whose size no planner knows anything yet."""

from collections.abc import Callable

from handfast.desk.handover import decide
from handfast.desk.moves import look
from handfast.store.base import Store
from handfast.store.pulse import pulse
from tests.desk.house import CONTRACT, House, moment

#: Capless, and asking who had somebody last.
BUSY = CONTRACT.replace("cap: 3 open", "cap: 9999 open, sticky: 90 days")


def rows_read(store: Store, act: Callable[[], object]) -> dict[str, tuple[int, int]]:
    """Table → (rows read from end to end, rows read by index) while this went on, on the one connection of the store."""

    def counted() -> dict[str, tuple[int, int]]:
        with store.writing() as conn:
            conn.execute("SELECT pg_stat_force_next_flush()")
        with store.reading() as conn:
            return {name: (whole, by_index) for name, whole, by_index in conn.execute(_READ).fetchall()}

    before = counted()
    act()
    after = counted()
    return {name: (after[name][0] - before[name][0], after[name][1] - before[name][1]) for name in after if after[name] != before[name]}


_READ = "SELECT relname, coalesce(seq_tup_read, 0), coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables"


def test_a_handoff_reads_no_more_after_four_hundred_others(store: Store) -> None:
    house = House(store, BUSY)
    with Store(store.url, size=1) as one:

        def decided(email: str, at: str) -> dict[str, tuple[int, int]]:
            house.hears(house.signal(email, "form_submitted", at, form="demo", account={"employees": 200}))
            return rows_read(one, lambda: decide(one, house.book, moment(at)))

        house.arrives("first@firm.example", "Mon 09:00")
        few = decided("second@other.example", "Mon 09:10")
        house.hears(
            *(
                house.signal(f"p{n}@f{n}.example", "form_submitted", "Mon 09:20", form="demo", account={"employees": 200})
                for n in range(400)
            ),
            *(house.signal(f"p{n}@f{n}.example", "page_viewed", "Mon 09:20", path="/pricing") for n in range(400)),
        )
        assert house.decide("Mon 09:30").opened == 400
        many = decided("last@later.example", "Mon 09:40")
        watched = rows_read(one, lambda: _looked(one))
        glanced = rows_read(one, lambda: _glanced(one, house))
    assert few["signal"][1], "nothing was counted"
    assert {name: read for name, read in many.items() if sum(read) > sum(few.get(name, (0, 0))) + 20} == {}
    assert watched.get("signal", (0, 0)) == (0, 0), "health and metrics are asked every few seconds"
    assert sum(glanced.get("handoff", (0, 0))) < 20, "what may have to move is looked for every second"


def _looked(store: Store) -> None:
    with store.reading() as conn:
        assert pulse(conn, moment("Mon 09:50")).signals == 803


def _glanced(store: Store, house: House) -> None:
    with store.reading() as conn:
        assert look(conn, house.book, moment("Mon 09:50")) == (False, False)
