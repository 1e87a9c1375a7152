#!/usr/bin/env python3
"""Holds a broker against the official Python SDK for Azure Service Bus: what the SDK takes for granted must hold.

    python3 -m venv .sdk && .sdk/bin/pip install azure-servicebus
    usher-broker --config tests/conformance/config.json --listen 127.0.0.1:5672 --data "$(mktemp -d)"
    .sdk/bin/python tests/conformance/servicebus.py [--port 5672] [--key SAS_KEY_VALUE] [--only PART_OF_A_NAME]

The broker starts empty, with the entities of config.json. One line a check, then 'N passed, N failed'; the exit
code is 1 if any failed. Deferral and scheduling are not asked for: the broker has neither.
"""
import argparse
import datetime
import sys
import threading
import time
import traceback
import uuid

from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceiveMode, ServiceBusSubQueue
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
)

CHECKS = []
# Receivers opened by the check that runs: what it leaves behind is taken out again, so that none disturbs the next.
TOUCHED = set()


def check(function):
    CHECKS.append(function)
    return function


def connect(key=None):
    return ServiceBusClient.from_connection_string(
        f"Endpoint=sb://127.0.0.1:{ARGS.port};SharedAccessKeyName=RootManageSharedAccessKey;"
        f"SharedAccessKey={key or ARGS.key};UseDevelopmentEmulator=true;",
        retry_total=0,
    )


def receiver(entity, dead_letters=False, **options):
    """A receiver on 'queue' or 'topic/subscription'."""
    TOUCHED.add((entity, dead_letters))
    if dead_letters:
        options["sub_queue"] = ServiceBusSubQueue.DEAD_LETTER
    if "/" in entity:
        return CLIENT.get_subscription_receiver(*entity.split("/"), **options)
    return CLIENT.get_queue_receiver(entity, **options)


def send(entity, *messages):
    sender = CLIENT.get_topic_sender(entity) if entity == "news" else CLIENT.get_queue_sender(entity)
    with sender:
        sender.send_messages(list(messages))


def message(body, message_id=None, **properties):
    return ServiceBusMessage(body, message_id=message_id or f"{body}-{uuid.uuid4()}", **properties)


def receive(source, count, within=5):
    """Up to `count` messages, as soon as they are there."""
    messages, deadline = [], time.monotonic() + within
    while len(messages) < count and time.monotonic() < deadline:
        messages += source.receive_messages(max_message_count=count - len(messages), max_wait_time=1)
    return messages


def receive_one(source, within=5):
    messages = receive(source, 1, within)
    assert messages, "nothing was delivered"
    return messages[0]


def consume(source, count, within=5):
    messages = receive(source, count, within)
    for each in messages:
        source.complete_message(each)
    return messages


def is_empty(source, for_seconds=1):
    return not source.receive_messages(max_message_count=1, max_wait_time=for_seconds)


def bodies(messages):
    return [str(each) for each in messages]


def properties_of(received):
    def text(value):
        return value.decode() if isinstance(value, bytes) else value

    return {text(key): text(value) for key, value in (received.application_properties or {}).items()}


def expect(errors, action):
    try:
        action()
    except errors:
        return
    raise AssertionError(f"no {errors}")


@check
def a_message_arrives_with_its_body_and_all_its_properties():
    sent = {
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "whole": 42,
        "broken": 2.5,
        "true": True,
        "uuid": uuid.UUID(int=7),
    }
    named = {
        "message_id": "id-1",
        "content_type": "application/cloudevents+json",
        "subject": "UserSignedUp",
        "correlation_id": "correlation",
        "reply_to": "back",
        "to": "there",
    }
    send("short-lock", ServiceBusMessage(b"\x00\xfe\xff bytes", application_properties=sent, **named))
    with receiver("short-lock") as source:
        got = receive_one(source)
        assert not got.delivery_count, got.delivery_count
        assert got.sequence_number > 0 and got.enqueued_time_utc and got.locked_until_utc
        source.complete_message(got)
    assert b"".join(got.body) == b"\x00\xfe\xff bytes"
    assert {name: getattr(got, name) for name in named} == named
    assert properties_of(got) == sent, properties_of(got)


@check
def a_batch_of_five_hundred_arrives_once_and_in_order():
    numbers = [str(number) for number in range(500)]
    with CLIENT.get_topic_sender("news") as sender:
        batch = sender.create_message_batch()
        for number in numbers:
            batch.add_message(message(number))
        sender.send_messages(batch)
    with receiver("news/everything") as source:
        got = bodies(consume(source, 500, within=20))
    assert got == numbers, (len(got), got[:5])
    for name in ("billing", "email"):
        with receiver(f"news/{name}") as source:
            assert len(consume(source, 500, within=20)) == 500


@check
def every_subscription_gets_its_copy_if_its_rule_lets_it():
    send(
        "news",
        message("for all"),
        message("for billing", application_properties={"replayTo": "billing"}),
        message("golden", subject="UserSignedUp", application_properties={"tier": "gold"}),
    )
    got = {}
    for name in ("everything", "billing", "email", "gold"):
        with receiver(f"news/{name}") as source:
            got[name] = bodies(consume(source, 4, within=2))
    assert got == {
        "everything": ["for all", "for billing", "golden"],
        "billing": ["for all", "for billing", "golden"],
        "email": ["for all", "golden"],
        "gold": ["golden"],
    }, got


@check
def a_locked_message_is_nobody_elses_until_the_lock_runs_out():
    send("short-lock", message("x", "locked"))
    with receiver("short-lock") as first, receiver("short-lock") as second:
        receive_one(first)
        assert is_empty(second, for_seconds=2)
        again = consume(second, 1, within=8)
    assert [(each.message_id, each.delivery_count) for each in again] == [("locked", 1)]


@check
def a_lock_that_is_renewed_holds():
    send("short-lock", message("x"))
    with receiver("short-lock") as holder, receiver("short-lock") as other:
        held = receive_one(holder)
        before = until = held.locked_until_utc
        for _ in range(4):
            time.sleep(2)
            until = holder.renew_message_lock(held)
        assert until > before
        assert is_empty(other)
        holder.complete_message(held)


@check
def whoever_settles_without_a_lock_is_told():
    send("short-lock", message("x"))
    with receiver("short-lock") as source:
        late = receive_one(source)
        time.sleep(6)
        # The SDK itself refuses with a ValueError once the time has passed by its own clock.
        expect((MessageLockLostError, ValueError), lambda: source.complete_message(late))
        expect(MessageLockLostError, lambda: source.renew_message_lock(late))
    with receiver("short-lock") as source:
        assert len(consume(source, 1)) == 1, "the message is gone"


@check
def what_fails_too_often_is_dead_lettered():
    send("short-lock", message("x", "poison"))
    with receiver("short-lock") as source:
        for failures in range(3):
            got = receive_one(source)
            assert (got.delivery_count or 0) == failures, got.delivery_count
            source.abandon_message(got)
        assert is_empty(source, for_seconds=2)
    with receiver("short-lock", dead_letters=True) as source:
        dead = consume(source, 1)[0]
    assert (dead.message_id, dead.dead_letter_reason) == ("poison", "MaxDeliveryCountExceeded")


@check
def a_dead_letter_keeps_what_it_was_and_says_why_it_died():
    send("news", message("bad", "dead", application_properties={"traceparent": "00-aa"}))
    with receiver("news/billing") as source:
        source.dead_letter_message(receive_one(source), reason="StripeRejected", error_description="402 card_declined")
    with receiver("news/billing", dead_letters=True) as source:
        assert [each.message_id for each in source.peek_messages(10)] == ["dead"]
        dead = consume(source, 1)[0]
        assert is_empty(source)
    assert (dead.dead_letter_reason, dead.dead_letter_error_description) == ("StripeRejected", "402 card_declined")
    assert str(dead) == "bad"
    kept = properties_of(dead)
    assert (kept["traceparent"], kept["DeadLetterReason"]) == ("00-aa", "StripeRejected"), kept
    for name in ("everything", "email"):
        with receiver(f"news/{name}") as source:
            consume(source, 1)


@check
def no_number_of_failures_drives_a_dead_letter_out_of_its_queue():
    send("short-lock", message("x", "stays"))
    with receiver("short-lock") as source:
        source.dead_letter_message(receive_one(source), reason="Why")
    with receiver("short-lock", dead_letters=True) as source:
        for _ in range(5):
            source.abandon_message(receive_one(source))
        assert consume(source, 1)[0].message_id == "stays"


@check
def peeking_locks_nothing_and_goes_on_from_a_sequence_number():
    send("short-lock", *[message(str(number)) for number in range(5)])
    with receiver("short-lock") as source:
        first = source.peek_messages(max_message_count=2)
        others = source.peek_messages(max_message_count=10, sequence_number=first[-1].sequence_number + 1)
        assert bodies(first + others) == list("01234")
        assert len(consume(source, 5)) == 5


@check
def the_same_message_id_counts_once():
    for _ in range(3):
        send("no-duplicates", message("once", "same"))
    send("no-duplicates", message("another", "other"))
    with receiver("no-duplicates") as source:
        assert bodies(consume(source, 3, within=3)) == ["once", "another"]


@check
def what_expires_is_dead_lettered():
    send("fleeting", message("x", time_to_live=datetime.timedelta(seconds=1)))
    time.sleep(2.5)
    with receiver("fleeting") as source:
        assert is_empty(source)
    with receiver("fleeting", dead_letters=True) as source:
        assert consume(source, 1)[0].dead_letter_reason == "TTLExpiredException"


@check
def an_entity_that_is_not_there_is_not_found():
    def receive_from_nowhere():
        with CLIENT.get_queue_receiver("nowhere") as source:
            source.receive_messages(max_wait_time=1)

    expect(MessagingEntityNotFoundError, receive_from_nowhere)


@check
def a_message_that_is_too_large_is_refused_and_a_large_one_is_not():
    expect((MessageSizeExceededError, ValueError), lambda: send("short-lock", ServiceBusMessage(b"x" * (2 << 20))))
    send("short-lock", ServiceBusMessage(b"y" * (200 << 10)))
    with receiver("short-lock") as source:
        assert len(b"".join(consume(source, 1)[0].body)) == 200 << 10


@check
def a_wrong_key_opens_nothing():
    def send_with_wrong_key():
        with connect(key="bm90IHRoZSBrZXk=") as client, client.get_queue_sender("short-lock") as sender:
            sender.send_messages(message("x"))

    expect((ServiceBusAuthenticationError, ServiceBusAuthorizationError), send_with_wrong_key)


@check
def receive_and_delete_is_final():
    send("short-lock", message("x"))
    with receiver("short-lock", receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE) as source:
        assert len(receive(source, 1)) == 1
    time.sleep(6)
    with receiver("short-lock") as source:
        assert is_empty(source)


@check
def thirty_connections_share_a_queue_without_doubling_anything():
    total, seen, guard = 600, [], threading.Lock()
    for start in range(0, total, 100):
        send("crowd", *[message(str(number)) for number in range(start, start + 100)])

    def work():
        with connect() as client, client.get_queue_receiver("crowd") as source:
            while got := source.receive_messages(max_message_count=10, max_wait_time=3):
                for each in got:
                    source.complete_message(each)
                with guard:
                    seen.extend(bodies(got))

    workers = [threading.Thread(target=work) for _ in range(30)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(map(int, seen)) == list(range(total)), (len(seen), len(set(seen)))


@check
def a_receiver_that_waits_no_longer_keeps_nothing_from_others():
    with receiver("short-lock") as idle:
        assert is_empty(idle)
        send("short-lock", message("x"))
        with receiver("short-lock") as other:
            assert len(consume(other, 1)) == 1


def clear():
    """Takes out what a check, failed perhaps, has left.

    The SDK neither waits for the answer to a completion nor reads what is under way when it closes its socket, which
    resets it: a completion can be lost with that, and its message then comes back when its lock runs out, into a later
    check. Peeking shows locked messages too, and does so from the first one only if told to: left to itself it goes on
    after what was received last.
    """
    for entity, dead_letters in sorted(TOUCHED):
        try:
            deadline = time.monotonic() + 15
            with receiver(entity, dead_letters, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE) as source:
                while source.peek_messages(1, sequence_number=1) and time.monotonic() < deadline:
                    source.receive_messages(max_message_count=100, max_wait_time=0.5)
        except Exception as error:  # the check itself has said what is wrong
            print(f"      ({entity} could not be emptied: {type(error).__name__})", flush=True)
    TOUCHED.clear()


def passes(function):
    try:
        function()
        print(f"ok    {function.__name__}", flush=True)
        return True
    except Exception as error:  # whatever it was, the other checks are to be seen too
        print(f"FAIL  {function.__name__}: {type(error).__name__}: {str(error)[:300]}", flush=True)
        if ARGS.only:
            traceback.print_exc()
        return False
    finally:
        clear()


def run():
    results = [passes(function) for function in CHECKS if ARGS.only in function.__name__]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    PARSER.add_argument("--port", type=int, default=5672)
    PARSER.add_argument("--key", default="SAS_KEY_VALUE")
    PARSER.add_argument("--only", default="", help="only the checks with this in their name")
    ARGS = PARSER.parse_args()
    CLIENT = connect()
    with CLIENT:
        sys.exit(run())
