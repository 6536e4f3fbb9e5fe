// What Segment's connectors for Snapchat and Reddit send, captured by running them:
// `node segment_snapchat_reddit.cjs > segment_snapchat_reddit.json`.
//
// There is no official package for either call. As in `segment.cjs`, the package is fetched by npm into a folder that is
// thrown away, its framework is stood in for, and nothing is sent: its `request` notes and answers.
"use strict";
const { execFileSync } = require("node:child_process");
const { mkdtempSync, rmSync } = require("node:fs");
const Module = require("node:module");
const { tmpdir } = require("node:os");
const { join } = require("node:path");

const PACKAGE = "@segment/action-destinations@3.497.0";
const PEOPLE = [
  { email: "Person@email.com", phone: "+1(706)-767-5127", device: "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6" },
  { email: "max.m+news@example.de" },
];

const home = mkdtempSync(join(tmpdir(), "segment-"));
const [packed] = JSON.parse(
  execFileSync("npm", ["pack", "--json", PACKAGE], { cwd: home, stdio: ["ignore", "pipe", "ignore"], timeout: 120000 }),
);
execFileSync("tar", ["xzf", packed.filename], { cwd: home });

class Named extends Error {}
class MultiStatusResponse {
  setErrorResponseAtIndex() {}
  setSuccessResponseAtIndex() {}
  getResponseAtIndex() {}
}
const framework = { IntegrationError: Named, PayloadValidationError: Named, defaultValues: () => ({}), MultiStatusResponse };
const load = Module._load;
Module._load = (name, ...rest) => (name === "@segment/actions-core" ? framework : load(name, ...rest));
const of = (path) => require(join(home, "package", "dist", "destinations", path));

const sent = [];
const answering = (answer) => async (url, { method, json, body, headers } = {}) => {
  sent.push({ method, url, json, ...(body ? { form: Object.fromEntries(body), headers } : {}) });
  return answer;
};

async function main() {
  const auth = { refreshToken: "a-refresh-token", clientId: "an-app", clientSecret: "its-secret" };

  const snapchat = of("snap-audiences").default;
  const segment = { data: { access_token: "t", segments: [{ segment: { id: "5677923948298240" } }] } };
  await snapchat.authentication.refreshAccessToken(answering(segment), { auth });
  const settings = { ad_account_id: "8adc3db7-8148-4fbf-999c-8d2266369d74" };
  await snapchat.audienceConfig.createAudience(answering(segment), { audienceName: "vip", settings });
  await snapchat.audienceConfig.getAudience(answering(segment), { externalId: "5677923948298240" });
  for (const isIn of [true, false]) {
    const payloads = PEOPLE.map(({ email, phone, device }) => ({
      ...{ email, phone, advertising_id: device, external_audience_id: "5677923948298240" },
      ...{ audienceKey: "vip", props: { vip: isIn } },
    }));
    await of("snap-audiences/syncAudience/functions").send(answering({}), payloads);
  }

  const reddit = of("reddit-audiences").default;
  const made = { data: { access_token: "t" }, json: async () => ({ data: { id: "ca.129482487242828" } }) };
  await reddit.authentication.refreshAccessToken(answering(made), { auth });
  await reddit.audienceConfig.createAudience(answering(made), {
    audienceName: "vip",
    settings: { ad_account_id: "a2_sandbox1" },
  });
  // One kind at a time: with a mobile ad id on some people only, it sends rows of unequal length.
  for (const key of ["email", "device"]) {
    for (const isIn of [true, false]) {
      const payloads = PEOPLE.filter((one) => one[key]).map((one) => ({
        ...(key === "email" ? { email: one.email } : { iosIDFA: one.device }),
        ...{ external_audience_id: "ca.129482487242828", computation_key: "vip", traits_or_props: { vip: isIn } },
      }));
      await of("reddit-audiences/syncAudience/functions").send(answering({}), payloads);
    }
  }
  console.log(JSON.stringify({ package: PACKAGE, people: PEOPLE, sent }, null, 1));
}

main().finally(() => rmSync(home, { recursive: true }));
