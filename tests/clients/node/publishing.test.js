"use strict";

const assert = require("node:assert");
const { test } = require("node:test");
const { newSubscription, newTopic, pubsub, receive, texts } = require("./broker");

const ack = (message) => message.ack();
const numbers = (count) => Array.from({ length: count }, (_, n) => String(n));

test("messages arrive as they were published", async () => {
  const topic = await newTopic();
  const subscription = await newSubscription(topic);
  const id = await topic.publishMessage({ data: Buffer.from([0, 255]), attributes: { name: "häh" } });
  const [message] = await receive(subscription, ack, (messages) => messages.length === 1);
  assert.deepStrictEqual([message.id, message.data, message.attributes], [id, Buffer.from([0, 255]), { name: "häh" }]);
  assert.ok(Math.abs(message.publishTime.getTime() - Date.now()) < 60_000);
});

test("batches go when they are full", async () => {
  const topic = await newTopic();
  const subscription = await newSubscription(topic);
  topic.setPublishOptions({ batching: { maxMessages: 10, maxMilliseconds: 60_000 } });
  const ids = await Promise.all(numbers(100).map((n) => topic.publishMessage({ data: Buffer.from(n) })));
  assert.strictEqual(new Set(ids).size, 100);
  const messages = await receive(subscription, ack, (came) => came.length === 100);
  assert.deepStrictEqual(texts(messages).sort(), numbers(100).sort());
});

test("messages of a key keep their order, and a key that failed is resumed", async () => {
  const topic = await newTopic();
  const subscription = await newSubscription(topic, { enableMessageOrdering: true });
  const ordered = pubsub.topic(topic.name, { messageOrdering: true, batching: { maxMessages: 7 } });
  const sent = numbers(60).map((n) => ordered.publishMessage({ data: Buffer.from(n), orderingKey: `k${n % 2}` }));
  await Promise.all(sent);
  const messages = await receive(subscription, ack, (came) => came.length === 60);
  for (const key of ["k0", "k1"]) {
    const mine = texts(messages.filter((message) => message.orderingKey === key)).map(Number);
    assert.deepStrictEqual(mine, numbers(60).map(Number).filter((n) => `k${n % 2}` === key));
  }
  await topic.delete();
  await assert.rejects(ordered.publishMessage({ data: Buffer.from("x"), orderingKey: "k" }), { code: 5 });
  await assert.rejects(ordered.publishMessage({ data: Buffer.from("x"), orderingKey: "k" }));
  await pubsub.createTopic(topic.name);
  ordered.resumePublishing("k");
  assert.ok(await ordered.publishMessage({ data: Buffer.from("y"), orderingKey: "k" }));
});

test("a publisher with flow control publishes all", async () => {
  const topic = await newTopic();
  const subscription = await newSubscription(topic);
  topic.setPublishOptions({ flowControlOptions: { maxOutstandingMessages: 5 } });
  const flow = topic.flowControlled();
  for (const n of numbers(40)) {
    const wait = flow.publish({ data: Buffer.from(n) });
    if (wait) await wait;
  }
  assert.strictEqual((await flow.all()).length, 40);
  assert.strictEqual((await receive(subscription, ack, (came) => came.length === 40)).length, 40);
});

test("a topic with a schema refuses what does not fit", async () => {
  const definition = JSON.stringify({ type: "record", name: "R", fields: [{ name: "count", type: "int" }] });
  const schema = await pubsub.createSchema("readings", "AVRO", definition);
  const topic = await newTopic({ schemaSettings: { schema: await schema.getName(), encoding: "JSON" } });
  const subscription = await newSubscription(topic);
  await topic.publishMessage({ json: { count: 3 } });
  await assert.rejects(topic.publishMessage({ json: { count: "many" } }), { code: 3 });
  const [message] = await receive(subscription, ack, (came) => came.length === 1);
  assert.deepStrictEqual(JSON.parse(message.data), { count: 3 });
  assert.strictEqual(message.attributes.googclient_schemaencoding, "JSON");
});
