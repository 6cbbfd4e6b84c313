"use strict";

// The client under test, and what every test needs of it. PUBSUB_EMULATOR_HOST says where the emulator is.

const { PubSub } = require("@google-cloud/pubsub");
const { randomUUID } = require("node:crypto");
const { after } = require("node:test");

const pubsub = new PubSub({ projectId: `p-${randomUUID().slice(0, 13)}` });
let made = 0;

after(() => pubsub.close());

/** A new topic. */
async function newTopic(settings = {}) {
  const [topic] = await pubsub.createTopic({ name: `topic-${++made}`, ...settings });
  return topic;
}

/** A new subscription to a topic, with options for receiving its messages. */
async function newSubscription(topic, settings = {}, receiving = {}) {
  const name = `subscription-${++made}`;
  await topic.createSubscription(name, settings);
  return pubsub.subscription(name, receiving);
}

/**
 * Receives messages and does `act` with each, until `done(messages)` is true of those that came.
 *
 * Resolves to the messages once the subscription is closed.
 */
function receive(subscription, act, done) {
  const messages = [];
  return new Promise((resolve, reject) => {
    const fail = (error) => subscription.close().then(() => reject(error), reject);
    subscription.on("error", fail);
    subscription.on("message", (message) => {
      messages.push(message);
      Promise.resolve(act(message))
        .then(() => done(messages) && subscription.close().then(() => resolve(messages)))
        .catch(fail);
    });
  });
}

/** Calls a method of the generated subscriber client, past the subscriber under test. */
function call(method, subscription, fields = {}) {
  const reqOpts = { subscription: subscription.name, ...fields };
  return new Promise((resolve, reject) => {
    const done = (error, response) => (error ? reject(error) : resolve(response));
    pubsub.request({ client: "SubscriberClient", method, reqOpts }, done);
  });
}

/** The texts of one pull; nothing waits for messages that are not there. */
async function pullNow(subscription, maxMessages = 100) {
  const response = await call("pull", subscription, { maxMessages, returnImmediately: true });
  return response.receivedMessages.map((received) => received.message.data.toString());
}

/** The data of messages, as text. */
const texts = (messages) => messages.map((message) => message.data.toString());

module.exports = { call, newSubscription, newTopic, pubsub, pullNow, receive, texts };
