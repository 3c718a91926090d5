"""What a Kafka client hands over, sorted by partition."""

import confluent_kafka as ck

from vigil.stores.kafka_messages import by_place


def message(topic: str, partition: int, error: int | None = None) -> ck.Message:
    """As a consumer gives it; with `error`, what it says of the partition instead."""
    said = None if error is None else ck.KafkaError(error)
    return ck.Message(topic=topic, partition=partition, offset=0, value=b"", error=said)


def test_runs_of_a_partition_stay_together_and_errors_apart():
    """The end of a partition may come before, between and after its messages."""
    end = ck.KafkaError._PARTITION_EOF
    arrived = [message("a", 0), message("a", 0, end), message("a", 0, end), message("a", 0),
               message("a", 1), message("b", 1, end)]  # fmt: skip
    found = list(by_place(arrived))
    assert [(place, is_error, len(run)) for place, is_error, run in found] == [
        (("a", 0), False, 1), (("a", 0), True, 2), (("a", 0), False, 1),
        (("a", 1), False, 1), (("b", 1), True, 1),
    ]  # fmt: skip
    assert [each for _, _, run in found for each in run] == arrived


def test_messages_of_one_partition_are_one_run():
    """Nearly always so; nothing is none."""
    arrived = [message("a", 0), message("a", 0)]
    assert list(by_place(arrived)) == [(("a", 0), False, arrived)]
    assert list(by_place([])) == []
