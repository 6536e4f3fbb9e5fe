// What Segment's public connector sends to The Trade Desk's CRM data, captured by running it:
// `node segment_the_trade_desk_crm.cjs > segment_the_trade_desk_crm.json`.
//
// As in segment.cjs: the package is fetched by npm into a folder that is thrown away, and what it is built on is stood in
// for. Of the connector's two ways the one is run that calls The Trade Desk itself. Nothing is sent.
"use strict";
const { execFileSync } = require("node:child_process");
const { mkdtempSync, rmSync } = require("node:fs");
const Module = require("node:module");
const { tmpdir } = require("node:os");
const { join } = require("node:path");

const PACKAGE = "@segment/action-destinations@3.497.0";
const EMAILS = ["testing@testing.com", "Jane.Saoirse+Work@gmail.com", "max@example.de"];
const ADVERTISER = "adv12345";
const ROWS = 1500;

const home = mkdtempSync(join(tmpdir(), "segment-"));
const [packed] = JSON.parse(
  execFileSync("npm", ["pack", "--json", PACKAGE], { cwd: home, stdio: ["ignore", "pipe", "ignore"], timeout: 120000 }),
);
execFileSync("tar", ["xzf", packed.filename], { cwd: home });

class Named extends Error {}
const anything = new Proxy(function () {}, { get: (_, name) => (/Error$/.test(String(name)) ? Named : anything) });
const load = Module._load;
Module._load = (name, ...rest) => (/^[./]|^crypto$/.test(name) ? load(name, ...rest) : anything);
const of = (path) => require(join(home, "package", "dist", "destinations", "the-trade-desk-crm", path));

const sent = [];
const request = async (url, { method, headers, json, body }) => {
  sent.push({ method, url, headers, json, body: body && body.split("\n").slice(0, EMAILS.length) });
  if (method === "GET") return { status: 200, data: { Segments: url.includes("?") ? [] : [{ SegmentName: "x", CrmDataId: "1" }], PagingToken: "next" } };
  return { status: 200, data: { CrmDataId: "crm1", ReferenceId: "r", Url: "https://drop.example/pii?X-Amz-Signature=s" } };
};

async function main() {
  const { getAllDataSegments, processPayload, TTD_LEGACY_FLOW_FLAG_NAME } = of("functions");
  const settings = { advertiser_id: ADVERTISER, auth_token: "token" };
  await getAllDataSegments(request, ADVERTISER, "token");
  await of("index").default.audienceConfig.createAudience(request, {
    audienceName: "crm", settings, audienceSettings: { region: "US" },
  });
  const emails = Array.from({ length: ROWS }, (_, place) => EMAILS[place] || `p${place}@example.com`);
  const payloads = emails.map((email) => ({ email, external_id: "crm1", pii_type: "EmailHashedUnifiedId2" }));
  await processPayload({ request, settings, payloads, features: { [TTD_LEGACY_FLOW_FLAG_NAME]: true } });
  console.log(JSON.stringify({ package: PACKAGE, emails: EMAILS, advertiser: ADVERTISER, rows: ROWS, sent }, null, 1));
}

main().finally(() => rmSync(home, { recursive: true }));
