"""The benchmarks' contract: it follows the demo company's, which grows, and a benchmark is run too seldom to say so itself."""

from datetime import UTC, datetime, timedelta

from bench._terms import at_all_hours, uncapped, without_examples

from handfast.contract.reading import read_contract
from handfast.demo.run import contract_text


def test_what_the_benchmarks_make_of_the_demo_contract_still_reads() -> None:
    night = datetime(2026, 12, 25, 3, tzinfo=UTC)
    for text in (uncapped(), without_examples(contract_text()), at_all_hours(uncapped())):
        assert text != contract_text()
        agreement, problems = read_contract(text, "bench")
        assert agreement is not None, problems
    assert agreement.hours("team").due(night, 5) == night + timedelta(minutes=5)
    assert not agreement.contract.examples
    caps = [pool.cap for pool in agreement.contract.routing.pools.values() if pool.cap]
    assert set(caps) == {999_999}
