// What Segment's public connectors send, captured by running them: `node segment.cjs > segment.json`.
//
// Segment is no official source, but its code has carried people to these platforms for years, and the official packages
// know nothing of these calls. The package is fetched by npm into a folder that is thrown away; its framework, of which
// it needs the names of some errors only, is stood in for. Nothing is sent: its `request` notes and answers.
"use strict";
const { execFileSync } = require("node:child_process");
const { mkdtempSync, rmSync } = require("node:fs");
const Module = require("node:module");
const { tmpdir } = require("node:os");
const { join } = require("node:path");

const PACKAGE = "@segment/action-destinations@3.497.0";
const EMAILS = ["testing@testing.com", "max@example.de"];
const DEVICE = "cdda802e-fb9c-47ad-9866-0794d394c912";
const PHONE = "+16577770000";

const home = mkdtempSync(join(tmpdir(), "segment-"));
const [packed] = JSON.parse(
  execFileSync("npm", ["pack", "--json", PACKAGE], { cwd: home, stdio: ["ignore", "pipe", "ignore"], timeout: 120000 }),
);
execFileSync("tar", ["xzf", packed.filename], { cwd: home });

class Named extends Error {}
const framework = { IntegrationError: Named, PayloadValidationError: Named, RetryableError: Named, InvalidAuthenticationError: Named, APIError: Named };
const load = Module._load;
Module._load = (name, ...rest) => (name === "@segment/actions-core" ? framework : load(name, ...rest));
const of = (path) => require(join(home, "package", "dist", "destinations", path));

const sent = [];
const answering = (answer) => async (url, { method, headers, json, searchParams }) => {
  sent.push({ method, url, headers, json, searchParams });
  return answer(url);
};

async function main() {
  const tiktok = answering(() => ({ data: { code: 0, data: { list: [], page_info: { total_page: 1 } } } }));
  const { TikTokAudiences } = of("tiktok-audiences/api");
  const client = new TikTokAudiences(tiktok, "7012345678901234567");
  await client.fetchAudiences("7012345678901234567");
  await client.createAudience({ selected_advertiser_id: "7012345678901234567", custom_audience_name: "crm", audience_name: "crm" });
  const people = [
    { email: EMAILS[0], phone: PHONE, advertising_id: DEVICE },
    { email: EMAILS[1] },
  ].map((one) => ({ ...one, send_email: true, send_phone: true, send_advertising_id: true, audience_id: "2038" }));
  for (const action of ["add", "delete"]) {
    const copies = people.map((one) => ({ ...one }));
    await of("tiktok-audiences/functions").processPayload(tiktok, { advertiserId: "7012345678901234567" }, copies, action);
  }

  const linkedin = answering(() => ({ status: 200, json: async () => ({ elements: [{ id: 10804 }] }) }));
  const { LinkedInAudiences } = of("linkedin-audiences/api");
  const settings = { ad_account_id: "502001", send_email: true, send_google_advertising_id: true };
  const named = { personas_audience_key: "seg-vip", source_segment_id: "seg-vip", dmp_segment_name: "VIP" };
  await new LinkedInAudiences(linkedin, {}).getDmpSegment(settings, named);
  await new LinkedInAudiences(linkedin, {}).createDmpSegment(settings, named);
  for (const dmp_user_action of ["ADD", "REMOVE"]) {
    const members = [
      { email: EMAILS[0], google_advertising_id: DEVICE, country: "US" },
      { email: EMAILS[1] },
    ].map((one) => ({ ...named, ...one, dmp_user_action }));
    await of("linkedin-audiences/updateAudience/functions").processPayload(linkedin, settings, members);
  }
  console.log(JSON.stringify({ package: PACKAGE, emails: EMAILS, device: DEVICE, phone: PHONE, sent }, null, 1));
}

main().finally(() => rmSync(home, { recursive: true }));
