#!/usr/bin/env python3
"""A consumer that does nothing, on the official Python SDK: what `make bench` sets Usher's beside.

Prints `first` when it has the first message and `last` when it has completed the last, then waits to be measured
until its standard input closes. Prefetching and batches are what makes the SDK quick. It does not wait for the
broker's answer to a completion (Usher does), so a thread pool would gain nothing; that is left as it is, in its
favour. Like Usher's it decodes the event before it does nothing with it.
"""
import argparse
import json
import os
import sys

from azure.servicebus import ServiceBusClient

IN_HAND = 500


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, required=True)
    left = parser.parse_args().messages
    client = ServiceBusClient.from_connection_string(os.environ["SERVICEBUS_CONNECTION_STRING"])
    source = client.get_subscription_receiver("user-signups", "billing", prefetch_count=IN_HAND)
    with client, source:
        first = True
        while left > 0:
            for message in source.receive_messages(max_message_count=min(IN_HAND, left), max_wait_time=30):
                if first:
                    print("first", flush=True)
                    first = False
                json.loads(b"".join(message.body))
                source.complete_message(message)
                left -= 1
        print("last", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
