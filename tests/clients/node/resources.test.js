"use strict";

const assert = require("node:assert");
const { test } = require("node:test");
const { newSubscription, newTopic, pubsub, pullNow } = require("./broker");

test("every page of topics, subscriptions and snapshots is found", async () => {
  const topics = [];
  for (let n = 0; n < 5; n++) topics.push(await newTopic());
  const subscriptions = [];
  for (let n = 0; n < 3; n++) subscriptions.push(await newSubscription(topics[0]));
  await subscriptions[0].createSnapshot("before");
  const names = (found) => found.map((one) => one.name).sort();
  const paged = { gaxOpts: { pageSize: 2, autoPaginate: true } };
  assert.deepStrictEqual(names((await pubsub.getTopics(paged))[0]), names(topics));
  assert.deepStrictEqual(names((await pubsub.getSubscriptions(paged))[0]), names(subscriptions));
  assert.deepStrictEqual(names((await topics[0].getSubscriptions(paged))[0]), names(subscriptions));
  assert.strictEqual((await pubsub.getSnapshots(paged))[0].length, 1);
});

test("a subscription is changed", async () => {
  const subscription = await newSubscription(await newTopic(), { ackDeadlineSeconds: 20, labels: { a: "b" } });
  await subscription.setMetadata({ ackDeadlineSeconds: 40, retryPolicy: { minimumBackoff: { seconds: 2 } } });
  const [found] = await subscription.getMetadata();
  assert.deepStrictEqual([found.ackDeadlineSeconds, found.labels], [40, { a: "b" }]);
  assert.strictEqual(Number(found.retryPolicy.minimumBackoff.seconds), 2);
  assert.deepStrictEqual(await subscription.exists(), [true]);
  await subscription.delete();
  assert.deepStrictEqual(await subscription.exists(), [false]);
});

test("a subscription goes back to a snapshot and to a time", async () => {
  const topic = await newTopic();
  const subscription = await newSubscription(topic, { retainAckedMessages: true });
  const [snapshot] = await subscription.createSnapshot("start");
  await topic.publishMessage({ data: Buffer.from("x") });
  await subscription.seek(new Date(Date.now() + 60_000));
  assert.deepStrictEqual(await pullNow(subscription), []);
  await snapshot.seek();
  assert.deepStrictEqual(await pullNow(subscription), ["x"]);
  await subscription.seek(new Date(Date.now() - 60_000));
  assert.deepStrictEqual(await pullNow(subscription), ["x"]);
  await snapshot.delete();
});

test("a detached subscription says so", async () => {
  const topic = await newTopic();
  const subscription = await newSubscription(topic);
  await pubsub.detachSubscription(subscription.name);
  assert.deepStrictEqual(await subscription.detached(), [true]);
});

test("who may do what is set and read", async () => {
  const topic = await newTopic();
  const bindings = [{ role: "roles/pubsub.publisher", members: ["user:a@example.com"] }];
  await topic.iam.setPolicy({ bindings });
  const [policy] = await topic.iam.getPolicy();
  assert.deepStrictEqual(policy.bindings.map(({ role, members }) => ({ role, members })), bindings);
  const [allowed] = await topic.iam.testPermissions(["pubsub.topics.publish"]);
  assert.deepStrictEqual(allowed, { "pubsub.topics.publish": true });
});
