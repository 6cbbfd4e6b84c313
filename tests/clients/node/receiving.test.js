"use strict";

const assert = require("node:assert");
const { setTimeout: delay } = require("node:timers/promises");
const { test } = require("node:test");
const { call, newSubscription, newTopic, pullNow, receive, texts } = require("./broker");

const numbers = (count) => Array.from({ length: count }, (_, n) => String(n));
const publishAll = (topic, data) => Promise.all(data.map((one) => topic.publishMessage({ data: Buffer.from(one) })));

// Each stream of a subscriber may hold so many.
const threeAtMost = {
  flowControl: { maxMessages: 3, allowExcessMessages: false },
  streamingOptions: { maxStreams: 1 },
};

test("what is acknowledged is gone, and what is refused comes again", async () => {
  const topic = await newTopic();
  const subscription = await newSubscription(topic);
  await publishAll(topic, numbers(20));
  const seen = new Set();
  const act = (message) => {
    const text = message.data.toString();
    if (seen.has(text)) message.ack();
    else message.nack();
    seen.add(text);
  };
  const messages = await receive(subscription, act, (came) => came.length === 40);
  assert.deepStrictEqual(texts(messages).sort(), [...numbers(20), ...numbers(20)].sort());
  assert.deepStrictEqual(await pullNow(subscription), []);
});

test("only messages that pass the filter come", async () => {
  const topic = await newTopic();
  const subscription = await newSubscription(topic, { filter: 'attributes.kind = "a" OR attributes:urgent' });
  await topic.publishMessage({ data: Buffer.from("1"), attributes: { kind: "b" } });
  await topic.publishMessage({ data: Buffer.from("2"), attributes: { kind: "a" } });
  await topic.publishMessage({ data: Buffer.from("3"), attributes: { urgent: "" } });
  const messages = await receive(subscription, (message) => message.ack(), (came) => came.length === 2);
  assert.deepStrictEqual(texts(messages).sort(), ["2", "3"]);
  assert.deepStrictEqual(await pullNow(subscription), []);
});

test("a subscriber holds no more messages than it may", async () => {
  const topic = await newTopic();
  const subscription = await newSubscription(topic, {}, threeAtMost);
  await publishAll(topic, numbers(30));
  let held = 0;
  let most = 0;
  const act = async (message) => {
    most = Math.max(most, ++held);
    await delay(5);
    held -= 1;
    message.ack();
  };
  const messages = await receive(subscription, act, (came) => came.length === 30);
  assert.strictEqual(new Set(texts(messages)).size, 30);
  assert.ok(most <= 3, `${most} were held`);
});

test("what a subscriber holds is not given to another one", async () => {
  const topic = await newTopic();
  const subscription = await newSubscription(topic, {}, threeAtMost);
  await publishAll(topic, numbers(10));
  const others = [];
  const act = async (message) => {
    if (others.length === 0) others.push(...(await pullNow(subscription)));
    message.ack();
  };
  const messages = await receive(subscription, act, (came) => came.length === 3);
  assert.deepStrictEqual([...texts(messages), ...others].sort(), numbers(10));
});

test("what is refused too often goes to the dead-letter topic", async () => {
  const graveyard = await newTopic();
  const buried = await newSubscription(graveyard);
  const topic = await newTopic();
  const subscription = await newSubscription(topic, {
    deadLetterPolicy: { deadLetterTopic: graveyard.name, maxDeliveryAttempts: 5 },
  });
  await topic.publishMessage({ data: Buffer.from("poison") });
  const refused = await receive(subscription, (message) => message.nack(), (came) => came.length === 5);
  assert.deepStrictEqual(refused.map((message) => message.deliveryAttempt), [1, 2, 3, 4, 5]);
  const [dead] = await receive(buried, (message) => message.ack(), (came) => came.length === 1);
  assert.strictEqual(dead.data.toString(), "poison");
  assert.strictEqual(dead.attributes.CloudPubSubDeadLetterSourceDeliveryCount, "5");
});

test("an ack is confirmed where delivery is exactly once, and a stale one fails", async () => {
  const topic = await newTopic();
  const subscription = await newSubscription(topic, { enableExactlyOnceDelivery: true });
  await topic.publishMessage({ data: Buffer.from("x") });
  const results = [];
  const act = async (message) => {
    if (results.length === 0) {
      results.push(await message.nackWithResponse());
    } else {
      results.push(await message.modAckWithResponse(60), await message.ackWithResponse());
    }
  };
  const [stale, fresh] = await receive(subscription, act, (came) => came.length === 2 && results.length === 3);
  assert.deepStrictEqual(results, ["SUCCESS", "SUCCESS", "SUCCESS"]);
  assert.notStrictEqual(stale.ackId, fresh.ackId);
  assert.deepStrictEqual(await pullNow(subscription), []);
});

test("an ack that comes after another delivery fails", async () => {
  const topic = await newTopic();
  const subscription = await newSubscription(topic, { enableExactlyOnceDelivery: true });
  await topic.publishMessage({ data: Buffer.from("x") });
  let stale;
  const act = async (message) => {
    if (!stale) {
      stale = message;
      // By another client, so that the one under test does not know.
      await call("modifyAckDeadline", subscription, { ackIds: [message.ackId], ackDeadlineSeconds: 0 });
    } else {
      await assert.rejects(stale.ackWithResponse(), { errorCode: "INVALID" });
      assert.strictEqual(await message.ackWithResponse(), "SUCCESS");
    }
  };
  await receive(subscription, act, (came) => came.length === 2);
});

test("a subscriber is told that its subscription was deleted", async () => {
  const subscription = await newSubscription(await newTopic());
  const told = assert.rejects(receive(subscription, () => {}, () => false), { code: 5 });
  await call("deleteSubscription", subscription);
  await told;
});
