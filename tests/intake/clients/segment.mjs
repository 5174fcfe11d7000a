// The calls every client of the test makes, through @segment/analytics-node: node segment.mjs URL KEY
import { createRequire } from "node:module";

const { Analytics } = createRequire(process.env.CLIENTS)("@segment/analytics-node");
const [url, writeKey] = process.argv.slice(2);
const analytics = new Analytics({ writeKey, host: url, maxRetries: 10, flushInterval: 50 });
let failed = 0;
analytics.on("error", (error) => {
  failed += 1;
  console.error(JSON.stringify(error));
});
analytics.identify({ userId: "u1", traits: { email: "pat@acme.example", firstName: "Pat", company: { name: "Acme", employees: 420 } } });
analytics.track({ userId: "u1", event: "Demo Requested", properties: { plan: "enterprise" }, messageId: "m-fixed-1" });
analytics.track({ anonymousId: "anon-1", event: "Whitepaper Downloaded", properties: { topic: "speed" } });
analytics.page({ userId: "u1", category: "Docs", name: "Pricing", properties: { url: "https://www.acme.example/pricing" } });
analytics.group({ userId: "u1", groupId: "acme-co", traits: { name: "Acme", industry: "software" } });
analytics.alias({ userId: "u1", previousId: "anon-1" });
await analytics.closeAndFlush({ timeout: 60000 });
process.exit(failed ? 1 : 0);
