"""Receives webhooks and has the official verifier of Standard Webhooks judge each: one line for each on standard output,
`ok ID` or `refused`. RECEIVER_SECRET is the one secret that it knows. With RECEIVER_TAMPERS set it changes each body on
its way to the verifier, which shows that the verifier can tell."""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

VERIFIER = Webhook(os.environ["RECEIVER_SECRET"])
TAMPERS = "RECEIVER_TAMPERS" in os.environ


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if TAMPERS:
            body = body.replace(b'"1.0"', b'"1.1"')
        try:
            event = VERIFIER.verify(body, dict(self.headers))
            same = event["id"] == self.headers["webhook-id"]
            self.say(f"ok {event['id']}" if same else "another id", 204)
        except WebhookVerificationError:
            self.say("refused", 401)

    def do_OPTIONS(self):
        try:
            VERIFIER.verify(b"", dict(self.headers), json_parse=False)
            self.answer(204)
        except WebhookVerificationError:
            self.answer(401)

    def say(self, line, status):
        print(line, flush=True)
        self.answer(status)

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    sys.exit(0)
