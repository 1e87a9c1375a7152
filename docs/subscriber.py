#!/usr/bin/env python3
"""Prints the id of everybody who signs up. A consumer without Usher's runtime: see other-languages.md."""
import json
import os
import signal
import threading
import uuid

from azure.servicebus import ServiceBusClient

TOPIC, SUBSCRIPTION = "user-signups", "audit"


def user_of(message):
    event = json.loads(b"".join(message.body))
    if event["type"] != "usher.user-signed-up.v1":
        raise ValueError("another event, or a major version that this program doesn't know")
    return uuid.UUID(event["data"]["userId"])


def handle(source, message):
    try:
        user = user_of(message)
    except Exception as error:  # whatever it is, it is this message's fault; its text may quote the message
        source.dead_letter_message(message, reason="Undecodable", error_description=type(error).__name__)
    else:
        print(user, flush=True)
        source.complete_message(message)


stopping = threading.Event()
for each in (signal.SIGTERM, signal.SIGINT):
    signal.signal(each, lambda *_: stopping.set())
client = ServiceBusClient.from_connection_string(os.environ["SERVICEBUS_CONNECTION_STRING"])
with client, client.get_subscription_receiver(TOPIC, SUBSCRIPTION) as source:
    while not stopping.is_set():
        for message in source.receive_messages(max_message_count=50, max_wait_time=5):
            handle(source, message)
    source.peek_messages()  # answered after all completions, for which the SDK would not wait
