// Runs Upstash's own client against the front of the local stack, for every command that Juncture uses: our
// client and our front then cannot share a mistake. Started by `local/tests/upstash.rs`, which sets
// UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { Redis } from "@upstash/redis";

const url = process.env.UPSTASH_REDIS_REST_URL;
const token = process.env.UPSTASH_REDIS_REST_TOKEN;
const options = { url, token, automaticDeserialization: false, enableTelemetry: false, retry: false };
const clients = {
  base64: new Redis({ ...options, responseEncoding: "base64" }),
  plain: new Redis({ ...options, responseEncoding: false }),
};
const RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";

const tests = {
  async "strings and their absence"(redis, key) {
    assert.equal(await redis.get(key), null);
    assert.equal(await redis.set(key, "ünï/cödé \"quoted\"\n"), "OK");
    assert.equal(await redis.get(key), "ünï/cödé \"quoted\"\n");
    assert.equal(await redis.set(key, "OK"), "OK");
    assert.equal(await redis.get(key), "OK");
    assert.equal(await redis.set(key, ""), "OK");
    assert.equal(await redis.get(key), "");
    assert.equal(await redis.getdel(key), "");
    assert.equal(await redis.getdel(key), null);
    assert.equal(await redis.exists(key), 0);
  },
  async "conditions and expiry"(redis, key) {
    assert.equal(await redis.set(key, "x", { xx: true }), null);
    assert.equal(await redis.set(key, "a", { nx: true, px: 60_000 }), "OK");
    assert.equal(await redis.set(key, "b", { nx: true, px: 60_000 }), null);
    assert.equal(await redis.get(key), "a");
    assert.equal(await redis.set(key, "c", { xx: true, ex: 100 }), "OK");
    const left = await redis.pttl(key);
    assert.ok(left > 60_000 && left <= 100_000, `${left}`);
    assert.equal(await redis.expire(key, 10), 1);
    assert.ok((await redis.pttl(key)) <= 10_000);
    assert.equal(await redis.pexpire(key, 500_000), 1);
    assert.ok((await redis.pttl(key)) > 400_000);
    assert.equal(await redis.pttl(`${key}:none`), -2);
    assert.equal(await redis.expire(`${key}:none`, 1), 0);
  },
  async "counters and deletion"(redis, key) {
    assert.equal(await redis.incr(key), 1);
    assert.equal(await redis.incr(key), 2);
    assert.equal(await redis.set(`${key}:2`, "x"), "OK");
    assert.deepEqual(await redis.mget(key, `${key}:none`, `${key}:2`), ["2", null, "x"]);
    assert.equal(await redis.exists(key, `${key}:2`, `${key}:none`), 2);
    assert.equal(await redis.del(key, `${key}:2`, `${key}:none`), 2);
  },
  async hashes(redis, key) {
    // Without deserialization the client hands over Redis's flat array.
    assert.deepEqual(await redis.hgetall(key), []);
    assert.equal(await redis.hset(key, { name: "é", count: "3" }), 2);
    assert.equal(await redis.hset(key, { count: "4" }), 0);
    assert.equal(await redis.hget(key, "name"), "é");
    assert.equal(await redis.hget(key, "none"), null);
    assert.deepEqual(await redis.hgetall(key), ["name", "é", "count", "4"]);
  },
  async scripts(redis, key) {
    await redis.set(key, "owner");
    assert.equal(await redis.eval(RELEASE, [key], ["stranger"]), 0);
    assert.equal(await redis.eval(RELEASE, [key], ["owner"]), 1);
    assert.deepEqual(await redis.eval("return {1, 'two', {3, 'four'}, false}", [], []), [1, "two", [3, "four"], null]);
    const sha = await redis.scriptLoad("return ARGV[1]");
    assert.equal(await redis.evalsha(sha, [], ["x"]), "x");
    await assert.rejects(redis.evalsha("0".repeat(40), [], []), /NOSCRIPT/);
    await assert.rejects(redis.eval("return redis.error_reply('MINE no')", [], []), /MINE no/);
  },
  async "errors of commands"(redis, key) {
    await redis.hset(key, { a: "1" });
    await assert.rejects(redis.get(key), /WRONGTYPE Operation against a key holding the wrong kind of value/);
    await assert.rejects(redis.exec(["NOSUCHCOMMAND"]), /ERR unknown command/);
    await assert.rejects(redis.exec(["BLPOP", key, "0"]), /Command is not available/);
  },
  async pipelines(redis, key) {
    const pipeline = redis.pipeline();
    pipeline.set(key, "1").incr(key).get(`${key}:none`).hset(`${key}:h`, { a: "ä" }).hget(`${key}:h`, "a");
    assert.deepEqual(await pipeline.exec(), ["OK", 2, null, 1, "ä"]);
    const mixed = redis.pipeline().set(key, "text").incr(key).get(key);
    const results = await mixed.exec({ keepErrors: true });
    assert.equal(results[0].result, "OK");
    assert.match(results[1].error, /ERR value is not an integer/);
    assert.equal(results[2].result, "text");
    await assert.rejects(redis.pipeline().incr(key).exec(), /Command 1 \[ incr \] failed: ERR value is not an integer/i);
  },
  async transactions(redis, key) {
    const transaction = redis.multi().set(key, "1").incr(key).get(key);
    assert.deepEqual(await transaction.exec(), ["OK", 2, "2"]);
    const failing = redis.multi().set(key, "text").incr(key).set(`${key}:after`, "x");
    const results = await failing.exec({ keepErrors: true });
    assert.match(results[1].error, /ERR value is not an integer/);
    assert.equal(await redis.get(`${key}:after`), "x", "the commands after a failing one are run");
  },
  async "many at once keep their answers apart"(redis, key) {
    const numbers = Array.from({ length: 50 }, (_, number) => number);
    await Promise.all(numbers.map((number) => redis.set(`${key}:${number}`, `${number}`)));
    assert.deepEqual(await Promise.all(numbers.map((number) => redis.get(`${key}:${number}`))), numbers.map(String));
  },
};

for (const [encoding, redis] of Object.entries(clients)) {
  for (const [name, test] of Object.entries(tests)) {
    await test(redis, `conformance:${randomUUID()}`);
    console.log(`ok ${encoding}: ${name}`);
  }
}

const objects = new Redis({ url, token, enableTelemetry: false, retry: false });
const key = `conformance:${randomUUID()}`;
await objects.set(key, { nested: [1, "zwei", null] });
assert.deepEqual(await objects.get(key), { nested: [1, "zwei", null] });
assert.equal(await objects.hgetall(`${key}:h`), null);
await objects.hset(`${key}:h`, { a: 1, b: { c: "d" } });
assert.deepEqual(await objects.hgetall(`${key}:h`), { a: 1, b: { c: "d" } });
assert.notEqual(objects.readYourWritesSyncToken ?? "", "", "a sync token is returned");
await assert.rejects(new Redis({ ...options, token: "wrong" }).get(key), /Unauthorized/);
console.log("ok defaults, sync token, authorization");
