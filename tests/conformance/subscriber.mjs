// A subscriber on the official JavaScript SDK for Azure Service Bus reads what Usher's producer published.
//
//     mkdir -p .sdk/js && cp tests/conformance/package.json .sdk/js && npm install --prefix .sdk/js
//     SERVICEBUS_CONNECTION_STRING=... node --test-reporter=tap tests/conformance/subscriber.mjs EVENT_ID=USER_ID ...
//
// The arguments are the sign-ups, three or more, that wait in the subscription `audit`, which holds nothing else. The
// checks build on one another. The SDK's administration client speaks HTTP, which the broker doesn't: not asked for.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";
import { after, test } from "node:test";

// The SDK is installed apart from this file, where a bare import would not find it.
const installed = createRequire(new URL("../../.sdk/js/", import.meta.url));
const { ServiceBusClient } = installed("@azure/service-bus");
const { Ajv2020 } = installed("ajv/dist/2020");
const { default: addFormats } = installed("ajv-formats");

const TOPIC = "user-signups";
const SUBSCRIPTION = "audit";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
// For a machine that does something else as well; only a defect takes so long.
const PATIENCE_MS = 20_000;
const LIMITED = { timeout: 2 * PATIENCE_MS };

const userOf = new Map(process.argv.slice(2).map((pair) => pair.split("=")));
const client = new ServiceBusClient(process.env.SERVICEBUS_CONNECTION_STRING);
const DEAD_LETTERS = { subQueueType: "deadLetter" };
const queue = client.createReceiver(TOPIC, SUBSCRIPTION);
const deadLetters = client.createReceiver(TOPIC, SUBSCRIPTION, DEAD_LETTERS);
after(() => client.close());

const schema = JSON.parse(readFileSync(new URL("../../schemas/user-signed-up.v1.json", import.meta.url)));
const validate = addFormats(new Ajv2020({ allErrors: true })).compile(schema);

async function receive(source, count) {
  const messages = [];
  while (messages.length < count) {
    const more = await source.receiveMessages(count - messages.length, { maxWaitTimeInMs: PATIENCE_MS });
    assert.notEqual(more.length, 0, `${messages.length} of ${count} messages were delivered`);
    messages.push(...more);
  }
  return messages;
}

async function receiveOne(source) {
  return (await receive(source, 1))[0];
}

// What a queue holds, locked or not. A receiver of its own peeks from the start, an old one where it stopped.
async function idsIn(options) {
  const source = client.createReceiver(TOPIC, SUBSCRIPTION, options);
  const messages = await source.peekMessages(100);
  await source.close();
  return messages.map((message) => message.messageId);
}

// The messages in hand, each locked.
let held = [];

test("every sign-up is delivered once", LIMITED, async () => {
  held = await receive(queue, userOf.size);
  assert.deepEqual(held.map((message) => message.messageId).sort(), [...userOf.keys()].sort());
  for (const message of held) {
    assert.equal(message.deliveryCount, 0);
    assert.ok(message.lockToken && message.lockedUntilUtc > new Date());
  }
});

test("every event keeps to the schema", () => {
  for (const { body } of held) {
    assert.ok(validate(body), JSON.stringify(validate.errors));
  }
});

test("the schema refuses an event without a user or with a time that is none", () => {
  const [{ body }] = held;
  const { userId: _, ...nobody } = body.data;
  assert.ok(!validate({ ...body, data: nobody }));
  assert.ok(!validate({ ...body, time: "yesterday" }));
});

test("a message's properties say what is in it", () => {
  for (const { messageId, subject, contentType, body } of held) {
    assert.deepEqual({ subject, contentType }, { subject: "UserSignedUp", contentType: "application/cloudevents+json" });
    assert.equal(messageId, body.id);
    assert.deepEqual([body.subject, body.data.userId], [userOf.get(messageId), userOf.get(messageId)]);
  }
});

test("a message's application properties are the type, the tenant and a trace of its own", () => {
  const traces = held.map(({ body, applicationProperties }) => {
    const { eventType, tenantId, traceparent } = applicationProperties;
    assert.equal(eventType, body.type);
    assert.match(tenantId, UUID);
    assert.equal(tenantId, body.data.tenantId);
    const [, trace] = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(traceparent);
    return trace;
  });
  assert.equal(new Set(traces).size, held.length);
});

test("what is completed is gone", LIMITED, async () => {
  const [first, ...others] = held;
  await queue.completeMessage(first);
  assert.deepEqual(await idsIn({}), others.map((message) => message.messageId));
});

test("what is abandoned comes again and has been counted", LIMITED, async () => {
  await queue.abandonMessage(held[1]);
  const again = await receiveOne(queue);
  assert.deepEqual([again.messageId, again.deliveryCount], [held[1].messageId, 1]);
  assert.deepEqual(again.body, held[1].body);
  await queue.completeMessage(again);
});

test("what is dead-lettered lies in the dead-letter queue, whole, and says why", LIMITED, async () => {
  const reason = { deadLetterReason: "Undecodable", deadLetterErrorDescription: "the event is invalid at data" };
  await queue.deadLetterMessage(held[2], reason);
  const dead = await receiveOne(deadLetters);
  assert.equal(dead.messageId, held[2].messageId);
  assert.deepEqual(dead.body, held[2].body);
  const { deadLetterReason, deadLetterErrorDescription } = dead;
  assert.deepEqual({ deadLetterReason, deadLetterErrorDescription }, reason);
  assert.equal(dead.applicationProperties.traceparent, held[2].applicationProperties.traceparent);
  await deadLetters.completeMessage(dead);
});

test("nothing is left", LIMITED, async () => {
  await Promise.all(held.slice(3).map((message) => queue.completeMessage(message)));
  assert.deepEqual([await idsIn({}), await idsIn(DEAD_LETTERS)], [[], []]);
});
